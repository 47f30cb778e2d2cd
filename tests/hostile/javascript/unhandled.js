// Handlers that refuse to let it end.
for (const s of ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGUSR1', 'SIGXCPU']) process.on(s, () => {});
process.on('uncaughtException', () => {});
setInterval(() => { throw new Error('again'); }, 1);
