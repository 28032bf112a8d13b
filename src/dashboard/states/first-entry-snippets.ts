/** How to record a first entry: programs to copy, complete as they are. */

/** One of them. */
export interface Snippet {
  readonly name: "curl" | "TypeScript" | "Go" | "Python";
  /** What it needs besides itself. */
  readonly note: string;
  readonly code: string;
}

/** What is filled in. */
export interface SnippetPlace {
  /** The server's origin, as a URL has it. Example: `https://audit.example.com` */
  readonly origin: string;
  /** `team-{uuid}`. */
  readonly teamId: string;
}

/**
 * The programs. Each takes its token or key from the environment variable `ANNALS_TOKEN` and records
 * an entry in the team.
 */
export function firstEntrySnippets({ origin, teamId }: SnippetPlace): readonly Snippet[] {
  const url = `${origin}/audit.v1.AuditService/Record`;
  const entry = {
    teamId,
    action: "create",
    resource: { type: "snapshot", id: "nightly" },
  };
  const body = JSON.stringify({ entry });
  return [
    {
      name: "curl",
      note: "In a terminal.",
      code: `curl ${url} \\
  -H "Authorization: Bearer $ANNALS_TOKEN" \\
  -H "Content-Type: application/json" \\
  -d '${body}'
`,
    },
    {
      name: "TypeScript",
      note: "Node 22 or later, with the package @annals/client. Returns at once, and delivers even if the server is away for a while.",
      code: `import { createRecorder } from "@annals/client";

const recorder = createRecorder({
  baseUrl: "${origin}",
  token: process.env.ANNALS_TOKEN,
});
recorder.record({
  teamId: "${teamId}",
  action: "create",
  resource: { type: "snapshot", id: "nightly" },
});
await recorder.close();
`,
    },
    {
      name: "Go",
      note: "The standard library alone.",
      code: `package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
)

func main() {
	body := \`${body}\`
	request, err := http.NewRequest("POST", "${url}", strings.NewReader(body))
	if err != nil {
		panic(err)
	}
	request.Header.Set("Authorization", "Bearer "+os.Getenv("ANNALS_TOKEN"))
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		panic(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		panic(err)
	}
	fmt.Println(response.Status, string(answer))
}
`,
    },
    {
      name: "Python",
      note: "Python 3, the standard library alone.",
      code: `import json
import os
import urllib.request

request = urllib.request.Request(
    "${url}",
    headers={
        "Authorization": "Bearer " + os.environ["ANNALS_TOKEN"],
        "Content-Type": "application/json",
    },
    data=json.dumps({
        "entry": {
            "teamId": "${teamId}",
            "action": "create",
            "resource": {"type": "snapshot", "id": "nightly"},
        }
    }).encode(),
)
with urllib.request.urlopen(request) as response:
    print(json.load(response))
`,
    },
  ];
}
