/** The custom resource that every client of these tests uses: two versions, defaults, rules, columns, status and scale. */

export interface Conversion {
  readonly url: string;
  /** base64 of PEM */
  readonly caBundle: string;
}

/** Widgets of shop.example.com. v1 is stored; v1beta1 says `spec.amount` for `spec.size` where a conversion is given. */
export function widgetDefinition(conversion?: Conversion) {
  const schema = (field: string) => ({
    openAPIV3Schema: {
      description: "A widget in a shop",
      type: "object",
      required: ["spec"],
      properties: {
        spec: {
          description: "What is wanted",
          type: "object",
          required: [field],
          properties: {
            [field]: { description: "How many parts it has", type: "integer", minimum: 0, maximum: 100 },
            color: { type: "string", default: "green", enum: ["green", "red", "blue"] },
            parts: { type: "array", items: { type: "object", required: ["name"], properties: { name: { type: "string" }, weight: { type: "integer" } } }, "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"] },
          },
          "x-kubernetes-validations": [
            { rule: `self.color != "red" || self.${field} < 10`, message: "red widgets are small" },
            { rule: `self.${field} >= oldSelf.${field}`, message: "a widget does not shrink" },
          ],
        },
        status: { type: "object", properties: { size: { type: "integer" }, selector: { type: "string" }, ready: { type: "boolean" } } },
      },
    },
  });
  const version = (name: string, field: string, storage: boolean) => ({
    name,
    served: true,
    storage,
    schema: schema(field),
    subresources: { status: {}, scale: { specReplicasPath: `.spec.${field}`, statusReplicasPath: ".status.size", labelSelectorPath: ".status.selector" } },
    additionalPrinterColumns: [
      { name: "Size", type: "integer", jsonPath: `.spec.${field}` },
      { name: "Color", type: "string", jsonPath: ".spec.color", priority: 1 },
      { name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp" },
    ],
  });
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: "widgets.shop.example.com" },
    spec: {
      group: "shop.example.com",
      scope: "Namespaced",
      names: { plural: "widgets", singular: "widget", kind: "Widget", listKind: "WidgetList", shortNames: ["wd"], categories: ["shop"] },
      versions: [version("v1", "size", true), ...(conversion === undefined ? [] : [version("v1beta1", "amount", false)])],
      ...(conversion === undefined ? {} : { conversion: { strategy: "Webhook", webhook: { clientConfig: conversion, conversionReviewVersions: ["v1"] } } }),
    },
  };
}

export const widget = (name: string, spec: object, version = "v1") => ({ apiVersion: `shop.example.com/${version}`, kind: "Widget", metadata: { name, namespace: "default" }, spec });
