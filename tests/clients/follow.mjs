// SPDX-License-Identifier: MPL-2.0
// follow.mjs URL: every event of a stream as an EventSource gives it, a JSON line each, until
// the job is decided. It comes back by itself when the bridge goes away.
import EventSource from "eventsource";

const names = ["queued", "started", "compiled", "test", "progress", "output", "retry", "gap",
    "decided", "error", "done", "bye"];
const source = new EventSource(process.argv[2]);
for (const name of names) {
    source.addEventListener(name, (e) => {
        if (e.data === undefined) {
            console.log(JSON.stringify({name: "lost", status: e.status ?? null}));
            return;
        }
        console.log(JSON.stringify({name, id: e.lastEventId, data: JSON.parse(e.data)}));
        if (name === "decided")
            process.exit(0);
    });
}
