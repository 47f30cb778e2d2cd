// Signals every process.
for (const pid of [process.ppid, 1, 2, 3]) {
  try { if (pid !== process.pid && pid > 0) process.kill(pid, 'SIGKILL'); } catch (e) { console.log('held', e.code); }
}
setTimeout(() => console.log('held: still here'), 50);
