import type { ChartOutput, Filter, NodeDetail } from "@/api";

export type Mark = "bar" | "line" | "area" | "pie" | "figure";
export const buckets = ["day", "week", "month", "quarter", "year"] as const;
export type Bucket = (typeof buckets)[number];

/** How a chart is drawn: what its output schema carries under `x-kageos`. */
export type Encoding = { mark: Mark; x: string; y: string; unit: string | null; source: string | null; time: boolean };

export function encodingOf(detail: NodeDetail): Encoding {
  const action = detail.function?.actions.find((one) => one.name === "query");
  const given = (action?.output["x-kageos"] ?? {}) as Partial<Encoding>;
  return {
    mark: given.mark ?? "bar",
    x: given.x ?? "",
    y: given.y ?? "",
    unit: given.unit ?? null,
    source: given.source ?? null,
    time: given.time ?? false,
  };
}

export type Point = { x: unknown; y: number | null; filter?: Filter | null };
export type Series = { name: string; points: Point[] };
export const seriesOf = (output: ChartOutput): Series[] => output.series as Series[];

/** All places on the axis, in the order they first appear. */
export function axisOf(series: Series[]): string[] {
  return [...new Set(series.flatMap((one) => one.points.map((point) => String(point.x ?? ""))))];
}

export function valueAt(series: Series, x: string): Point | undefined {
  return series.points.find((point) => String(point.x ?? "") === x);
}

/** The table with exactly the rows a mark stands for. */
export function drillTo(source: string | null, filter: Filter | null | undefined): { path: string; query: { filter: string } } | undefined {
  return source && filter ? { path: source, query: { filter: JSON.stringify(filter) } } : undefined;
}
