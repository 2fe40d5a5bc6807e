//! Smallest, mean and largest of the numbers in the first column of each CSV file of a directory: `summary DIRECTORY`.
//! Plain Rust with its standard library; nothing in it knows of components.
use std::{env, fs, io, path::Path, process::ExitCode};

fn numbers(path: &Path) -> io::Result<Vec<f64>> {
    let text = fs::read_to_string(path)?;
    Ok(text.lines().filter_map(|line| line.split(',').next()?.trim().parse().ok()).collect())
}

fn summary(directory: &str) -> io::Result<()> {
    let mut paths: Vec<_> = fs::read_dir(directory)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
    paths.sort();
    for path in paths.iter().filter(|path| path.extension().is_some_and(|extension| extension == "csv")) {
        let values = numbers(path)?;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        match values.len() {
            0 => println!("{name}: no numbers"),
            count => {
                let (least, most) = values.iter().fold((f64::MAX, f64::MIN), |(least, most), value| (least.min(*value), most.max(*value)));
                println!("{name}: {least} to {most}, mean {}", values.iter().sum::<f64>() / count as f64);
            }
        }
    }
    Ok(())
}

fn main() -> ExitCode {
    let directory = env::args().nth(1).unwrap_or_else(|| "/data".into());
    match summary(&directory) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{directory}: {error}");
            ExitCode::FAILURE
        }
    }
}
