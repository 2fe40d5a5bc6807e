/** The one place that knows the certificate library. It needs the reflection polyfill loaded before it. */
import "reflect-metadata";

export * from "@peculiar/x509";
