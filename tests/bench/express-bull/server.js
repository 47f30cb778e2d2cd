// SPDX-License-Identifier: MPL-2.0
// The two calls that `make bench-http` measures, as the old architecture had them: a submit that
// is acknowledged once Redis has it, and the status of a job. No user code is run here.
//   node server.js PORT REDIS_PORT
// A submit with `delay` stays in the queue; one without is completed at once by a worker with a
// result of the usual shape, so that there is something to read.
'use strict';
const { randomUUID } = require('crypto');
const express = require('express');
const Queue = require('bull');

const [port, redisPort] = process.argv.slice(2).map(Number);
const LANGUAGES = new Set(['python', 'javascript', 'c', 'cpp', 'java']);
const MAX_CODE_SIZE = 65536;
const queue = new Queue('execution', {
  redis: { host: '127.0.0.1', port: redisPort },
  defaultJobOptions: { attempts: 3, backoff: { type: 'exponential', delay: 2000 } },
});

queue.process(async () => ({
  verdict: 'accepted',
  cause: { kind: 'exit_code', detail: 'exited with 0' },
  stdout: 'hello\n',
  stderr: '',
  exitCode: 0,
  signal: null,
  cpuTime: 0.012,
  wallTime: 0.015,
  memory: 9437184,
}));

function fault(body) {
  if (typeof body.code !== 'string' || body.code.length === 0) return 'code';
  if (body.code.length > MAX_CODE_SIZE) return 'code';
  if (typeof body.language !== 'string' || !LANGUAGES.has(body.language)) return 'language';
  if (body.input !== undefined && typeof body.input !== 'string') return 'input';
  if (body.delay !== undefined && !(body.delay >= 0)) return 'delay';
  return null;
}

const app = express();
app.disable('x-powered-by');
app.use(express.json({ limit: '256kb' }));

app.post('/api/execute', async (req, res) => {
  const field = fault(req.body || {});
  if (field) {
    res.status(400).json({ error: { code: 'invalid', message: `${field} is wrong`, field } });
    return;
  }
  const jobId = randomUUID();
  const { code, language, input, testCases, delay } = req.body;
  await queue.add({ code, language, input, testCases }, { jobId, delay: (delay || 0) * 1000 });
  res.status(202).json({ jobId, status: 'queued' });
});

app.get('/api/jobs/:id', async (req, res) => {
  const job = await queue.getJob(req.params.id);
  if (!job) {
    res.status(404).json({ error: { code: 'not_found', message: 'no such job' } });
    return;
  }
  const state = await job.getState();
  res.json({
    jobId: job.id,
    state,
    progress: job.progress(),
    result: job.returnvalue,
    failedReason: job.failedReason,
  });
});

queue.isReady().then(() => app.listen(port, '127.0.0.1', () => console.log('ready')));
