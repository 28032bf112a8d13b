/** The path from an entry to the root, drawn. */
import type { InclusionProof } from "../../log/proof.ts";
import { hex, shortHex } from "./hex.ts";
import classes from "./proof.module.css";
import type { PathStep } from "./proof-path.ts";

const width = 340;
const rowHeight = 44;
const middle = width / 2;

/** How a diagram ends: whether its last hash is the one that was signed. */
export interface PathDiagramProps {
  readonly leaf: Uint8Array;
  readonly inclusion: InclusionProof;
  readonly path: readonly PathStep[];
  readonly isRoot: boolean;
}

/**
 * The entry's fingerprint at the top; at each step the fingerprint of its neighbours joins from the
 * left or the right, down to the one of the whole log.
 */
export function PathDiagram({ leaf, inclusion, path, isRoot }: PathDiagramProps) {
  const height = rowHeight * (path.length + 2);
  const rootY = height - rowHeight / 2;
  const root = path.at(-1)?.result ?? leaf;
  return (
    <>
      <svg
        className={classes.diagram}
        viewBox={`0 0 ${width} ${height}`}
        role="img"
        aria-label={`${path.length} hashes lead from this entry to the whole log of ${inclusion.treeSize} entries. They are listed below.`}
      >
        <line className={classes.trunk} x1={middle} x2={middle} y1={rowHeight / 2} y2={rootY} />
        {path.map((step, i) => (
          <Branch key={hex(step.sibling) + step.first} step={step} y={rowHeight * (i + 1.5)} />
        ))}
        <Box
          x={middle}
          y={rowHeight / 2}
          title={`This entry, ${inclusion.leafIndex + 1n}`}
          hash={shortHex(leaf)}
          className={classes.own}
        />
        <Box
          x={middle}
          y={rootY}
          title={`All ${inclusion.treeSize} entries`}
          hash={shortHex(root)}
          className={isRoot ? classes.good : classes.bad}
        />
      </svg>
      <ol className={classes.hashes}>
        {path.map((step) => (
          <li key={hex(step.sibling) + step.first}>
            {rangeText(step)} ({step.side}):{" "}
            <code className={classes.code}>{hex(step.sibling)}</code>
          </li>
        ))}
      </ol>
    </>
  );
}

function Branch({ step, y }: { step: PathStep; y: number }) {
  const direction = step.side === "left" ? -1 : 1;
  const x = middle + direction * 108;
  return (
    <>
      <path
        className={classes.branch}
        d={`M ${x} ${y} H ${middle + direction * 14} Q ${middle} ${y} ${middle} ${y + 14}`}
      />
      <circle className={classes.joint} cx={middle} cy={y + 14} r={4} />
      <Box
        x={x}
        y={y}
        title={rangeText(step)}
        hash={shortHex(step.sibling)}
        className={classes.other}
      />
    </>
  );
}

interface BoxProps {
  readonly x: number;
  readonly y: number;
  readonly title: string;
  readonly hash: string;
  readonly className: string | undefined;
}

function Box({ x, y, title, hash, className }: BoxProps) {
  return (
    <g className={className}>
      <rect x={x - 62} y={y - 17} width={124} height={34} rx={6} />
      <text x={x} y={y - 3} textAnchor="middle">
        {title}
      </text>
      <text x={x} y={y + 11} textAnchor="middle" className={classes.hash}>
        {hash}
      </text>
    </g>
  );
}

/** The entries that a hash is of. Examples: `entry 4`, `entries 5–8` */
function rangeText({ first, last }: PathStep): string {
  return first === last ? `entry ${first}` : `entries ${first}–${last}`;
}
