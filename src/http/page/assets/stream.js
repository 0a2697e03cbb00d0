// Events of the server as they come. EventSource would ask again after the end, and tells nobody why a request was refused.

import { from } from "./dom.js";

/** Calls `tell(kind, data)` for each event; ends with the stream, throws the sentence of a refusal. */
export async function stream(path, tell, signal) {
  const answer = await from(fetch(path, { headers: { accept: "text/event-stream" }, signal }));
  if (!answer.ok || !answer.body) {
    const text = await from(answer.text());
    // What is refused comes as a line: "400 Bad Request: the reason".
    throw new Error(text.split("\n")[0].replace(/^\d+ [A-Za-z ]+: /, "") || `the server said ${answer.status}`);
  }
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await from(reader.read());
    if (done) return;
    rest += value;
    const parts = rest.split("\n\n");
    rest = parts.pop();
    for (const part of parts) {
      const kind = /^event: (.*)$/m.exec(part)?.[1];
      const data = /^data: (.*)$/m.exec(part)?.[1];
      if (kind && data) tell(kind, JSON.parse(data));
    }
  }
}
