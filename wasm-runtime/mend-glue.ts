/**
 * A fault of jco 0.15 in the glue of asynchronous components: a resource that an import returns is put into the table with the
 * number of its type instead of that of the component's own table, which the glue names right before. The guest then has a
 * handle that nobody knows. What is not recognised stays as it is.
 */
const RETURNED_RESOURCE = /(tableIdx: (\d+),\s*lowerFn:\s*function lowerImportedOwnedHost_(?:(?!tableIdx:)[^])*?rscTableCreateOwn\(handleTable)\d+/g;

export const mendGlue = (source: string): string => source.replaceAll(RETURNED_RESOURCE, "$1$2");
