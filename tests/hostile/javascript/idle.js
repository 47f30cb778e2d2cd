// An event loop that never ends and does nothing.
setInterval(() => {}, 1 << 30);
