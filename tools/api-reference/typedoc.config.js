import { OptionDefaults } from "typedoc";

const source = (path) => `../../src/client/${path}`;
const table = "table";

/** @type {import("typedoc").TypeDocOptions & import("typedoc-plugin-markdown").PluginOptions} */
export default {
  name: "@annals/client",
  // A name is described where it comes first, and referred to from the others.
  entryPoints: ["index.ts", "verify.ts", "testing.ts", "testing/vitest.ts", "web.ts"].map(source),
  tsconfig: source("tsconfig.build.json"),
  // `npm run typecheck` finds them, by the TypeScript that everything else is compiled with.
  skipErrorChecking: true,
  treatWarningsAsErrors: true,
  logLevel: "Warn",
  // Parts of types that nobody names.
  intentionallyNotExported: [
    ...["faults", "FaultDetail", "Hashes", "RedactionPlace"],
    ...["EventArguments", "KnownProperties", "StandardProperties"],
  ],
  excludeExternals: true,
  excludePrivate: true,
  excludeProtected: true,
  blockTags: [...OptionDefaults.blockTags, "@generated"],
  excludeTags: [...OptionDefaults.excludeTags, "@generated"],
  readme: "none",
  disableSources: true,
  plugin: ["typedoc-plugin-markdown"],
  out: "../../docs/api",
  router: "module",
  pageTitleTemplates: {
    module: ({ name }) => (name === "client" ? "@annals/client" : `@annals/client/${name}`),
  },
  hideBreadcrumbs: true,
  hidePageHeader: true,
  parametersFormat: table,
  interfacePropertiesFormat: table,
  classPropertiesFormat: table,
  typeAliasPropertiesFormat: table,
  typeDeclarationFormat: table,
  propertyMembersFormat: table,
  enumMembersFormat: table,
  tableColumnSettings: { hideInherited: true, hideModifiers: true, leftAlignHeaders: true },
};
