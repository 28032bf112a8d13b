import { Anchor } from "@mantine/core";
import { useState } from "react";
import { Plain } from "../text/plain.tsx";

/** Other people's text of any length: a long one is cut until the reader wants all of it. */
export function Clipped({ text, most = 300 }: { text: string; most?: number }) {
  const [isWhole, setWhole] = useState(false);
  if (isWhole || text.length <= most) return <Plain text={text} />;
  return (
    <>
      <Plain text={`${text.slice(0, most).toWellFormed()}…`} />{" "}
      <Anchor component="button" type="button" size="xs" onClick={() => setWhole(true)}>
        Show all {text.length.toLocaleString("en")} characters
      </Anchor>
    </>
  );
}
