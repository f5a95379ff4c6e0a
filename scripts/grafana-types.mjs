// Checks the dashboards against the types that Grafana publishes for them. The compiler complains of a
// field that no such type has, and of a value of another type.
//
//   node scripts/grafana-types.mjs DIRECTORY FILE...
//
// DIRECTORY has node_modules with @grafana/schema, @grafana/grafana-foundation-sdk and typescript.
import { readFileSync, writeFileSync } from "node:fs";
import { execFileSync } from "node:child_process";
import { join, resolve } from "node:path";

const head = `
import type { AnnotationQuery, Dashboard, FieldConfig, Panel, VariableModel } from "@grafana/schema";
import type * as timeseries from "@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen";
import type * as statetimeline from "@grafana/schema/dist/esm/raw/composable/statetimeline/panelcfg/x/StateTimelinePanelCfg_types.gen";
import type * as stat from "@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen";
import type * as table from "@grafana/schema/dist/esm/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen";
import type { Dataquery } from "@grafana/grafana-foundation-sdk/prometheus";

// JSON has no enums: their values stand for them.
type Plain<T> = T extends string ? \`\${T}\`
  : T extends number | boolean | null | undefined ? T
  : T extends (...args: never[]) => unknown ? never
  : T extends object ? { [K in keyof T]: Plain<T[K]> } : T;

type PanelOf = Plain<Omit<Panel, "targets" | "options" | "fieldConfig">>;
type Defaults = Plain<Omit<FieldConfig, "custom">>;
type Prometheus = Plain<Omit<Dataquery, "_implementsDataqueryVariant">>;
type Annotation = Plain<Omit<AnnotationQuery, "target">>;
type Whole = Plain<Omit<Dashboard, "panels" | "templating" | "annotations">>;

// Grafana publishes no type of its SQL queries without its whole interface: these are their fields.
interface Sql {
  refId: string;
  datasource: { type: "grafana-postgresql-datasource"; uid: string };
  rawSql: string;
  rawQuery: true;
  format: "time_series" | "table";
  editorMode: "code" | "builder";
}
`;

// The module of each type of panel that has one; a stat has no settings of its own for a field.
const modules = { timeseries: "timeseries", "state-timeline": "statetimeline", table: "table", stat: "stat" };

const without = (value, ...names) =>
  Object.fromEntries(Object.entries(value).filter(([name]) => !names.includes(name)));

let text = head;
let count = 0;
function check(type, value, place) {
  count += 1;
  text += `// ${place}\nexport const v${count}: ${type} = ${JSON.stringify(value, null, 1)};\n`;
}

function checkTarget(target, place) {
  const type = target.datasource.type === "prometheus" ? "Prometheus" : "Sql";
  check(type, target, `${place}, query ${target.refId}`);
}

function checkPanel(panel, place) {
  const module = modules[panel.type];
  if (!module) throw new Error(`${place}: no types are known here of ${panel.type}`);
  const { defaults, ...config } = panel.fieldConfig;
  check("PanelOf", without(panel, "targets", "options", "fieldConfig"), place);
  check('{ overrides: Plain<NonNullable<Panel["fieldConfig"]>["overrides"]> }', config, place);
  check("Defaults", without(defaults, "custom"), place);
  if (defaults.custom) check(`Plain<${module}.FieldConfig>`, defaults.custom, place);
  check(`Plain<${module}.Options>`, panel.options, place);
  for (const target of panel.targets) checkTarget(target, place);
}

const [directory, ...files] = process.argv.slice(2);
for (const file of files) {
  const dashboard = JSON.parse(readFileSync(file, "utf8"));
  check("Whole", without(dashboard, "panels", "templating", "annotations"), file);
  for (const panel of dashboard.panels) checkPanel(panel, `${file}, ${panel.title}`);
  for (const variable of dashboard.templating.list) {
    check("Plain<VariableModel>", variable, `${file}, $${variable.name}`);
  }
  for (const annotation of dashboard.annotations.list) {
    const place = `${file}, ${annotation.name}`;
    check("Annotation", without(annotation, "target"), place);
    checkTarget(annotation.target, place);
  }
}
const program = join(resolve(directory), "check.ts");
writeFileSync(program, text);
const compiler = join(resolve(directory), "node_modules", "typescript", "bin", "tsc");
const options = ["--noEmit", "--strict", "--skipLibCheck", "--target", "es2022", "--module", "esnext"];
try {
  execFileSync(process.execPath, [compiler, ...options, "--moduleResolution", "bundler", program], {
    cwd: directory,
    stdio: "inherit",
  });
} catch {
  process.exit(1);
}
console.error(`${count} parts of ${files.length} dashboards have the types that Grafana publishes`);
