// SPDX-License-Identifier: MPL-2.0
'use strict';
const assert = require('assert');
const { once, EventEmitter } = require('events');
const fs = require('fs');
const os = require('os');
const path = require('path');
const stream = require('stream');
const { promisify } = require('util');
const zlib = require('zlib');
const crypto = require('crypto');
const child = require('child_process');
const { Worker, isMainThread, parentPort, workerData } = require('worker_threads');

function quietly(call) {
  try {
    return call();
  } catch (e) {
    return e.code;
  }
}

function filesSync() {
  fs.mkdirSync('a/b/c', { recursive: true });
  fs.writeFileSync('a/one.txt', 'text\n'.repeat(1000));
  fs.appendFileSync('a/one.txt', 'more\n');
  fs.copyFileSync('a/one.txt', 'a/two.txt');
  fs.copyFileSync('a/one.txt', 'a/b/three.txt', fs.constants.COPYFILE_EXCL);
  fs.cpSync('a', 'd', { recursive: true });
  fs.symlinkSync('one.txt', 'a/link');
  fs.linkSync('a/one.txt', 'a/hard');
  assert(fs.readlinkSync('a/link') === 'one.txt' && fs.realpathSync('a/link').endsWith('one.txt'));
  assert(fs.realpathSync.native('a').endsWith('a') && fs.readdirSync('a').length === 5);
  fs.chmodSync('a/one.txt', 0o640);
  fs.utimesSync('a/one.txt', 1, 1);
  quietly(() => fs.lutimesSync('a/link', 1, 1));
  quietly(() => fs.chownSync('a/one.txt', process.getuid(), process.getgid()));
  fs.renameSync('a/two.txt', 'a/four.txt');
  fs.truncateSync('a/four.txt', 10);
  assert(fs.statSync('a/four.txt').size === 10 && fs.lstatSync('a/link').isSymbolicLink());
  fs.accessSync('a', fs.constants.W_OK);
  quietly(() => fs.statfsSync('.'));
  const fd = fs.openSync('a/four.txt', 'r+');
  fs.writeSync(fd, 'abc', 2);
  fs.readSync(fd, Buffer.alloc(4), 0, 4, 0);
  fs.readvSync(fd, [Buffer.alloc(2), Buffer.alloc(2)], 0);
  fs.writevSync(fd, [Buffer.from('x'), Buffer.from('y')], 0);
  fs.fsyncSync(fd);
  fs.fdatasyncSync(fd);
  fs.fstatSync(fd);
  fs.ftruncateSync(fd, 5);
  fs.fchmodSync(fd, 0o600);
  fs.futimesSync(fd, 2, 2);
  fs.closeSync(fd);
  const dir = fs.opendirSync('a');
  while (dir.readSync()) continue;
  dir.closeSync();
  const made = fs.mkdtempSync(path.join(os.tmpdir(), 'x-'));
  fs.rmSync(made, { recursive: true });
  fs.rmSync('d', { recursive: true });
  fs.unlinkSync('a/link');
  process.umask(process.umask());
  process.chdir('a');
  process.chdir('..');
}

async function filesAsync() {
  const p = fs.promises;
  await p.mkdir('p/q', { recursive: true });
  await p.writeFile('p/one', 'x'.repeat(200000));
  const f = await p.open('p/one', 'r+');
  await f.read(Buffer.alloc(10), 0, 10, 0);
  await f.write('zz', 0);
  await f.sync();
  await f.stat();
  await f.close();
  await p.copyFile('p/one', 'p/two');
  await p.rename('p/two', 'p/three');
  await p.symlink('one', 'p/link');
  await Promise.all([p.stat('p'), p.lstat('p/link'), p.readlink('p/link'), p.access('p'),
    p.realpath('p/link'), p.utimes('p/one', 1, 1), p.chmod('p/one', 0o600), p.readdir('p'),
    p.truncate('p/three', 3), p.link('p/one', 'p/hard')]);
  for await (const e of await p.opendir('p')) assert(e.name);
  await stream.promises.pipeline(fs.createReadStream('p/one'), zlib.createGzip(),
    fs.createWriteStream('p/one.gz'));
  const unzipped = [];
  await stream.promises.pipeline(fs.createReadStream('p/one.gz'), zlib.createGunzip(),
    async function* (source) { for await (const c of source) unzipped.push(c); });
  assert(Buffer.concat(unzipped).length === 200000);
  await p.rm('p', { recursive: true });
  let watched;
  try {
    watched = fs.watch('.');
    watched.on('error', () => {});
  } catch (e) {
    assert(e.code);
  }
  if (watched) watched.close();
  fs.watchFile('a/one.txt', { interval: 5 }, () => {});
  fs.unwatchFile('a/one.txt');
}

async function threads() {
  const shared = new SharedArrayBuffer(4);
  const workers = [1, 2].map((n) => new Worker(__filename, { workerData: { shared, n } }));
  const ends = workers.map((w) => once(w, 'exit'));
  const answers = await Promise.all(workers.map((w) => once(w, 'message')));
  assert(answers.map((a) => a[0]).sort().join() === '10,20');
  await Promise.all(ends);
  assert(Atomics.load(new Int32Array(shared), 0) === 2);
  Atomics.wait(new Int32Array(shared), 0, 2, 5);
  const { port1, port2 } = new MessageChannel();
  port1.postMessage({ hello: 1 });
  assert((await once(port2, 'message'))[0].hello === 1);
  port1.close();
}

async function processes() {
  const node = process.execPath;
  const sync = child.spawnSync(node, ['-e', 'process.stdin.pipe(process.stdout)'], { input: 'abc' });
  assert(String(sync.stdout) === 'abc', 'a child echoes');
  const run = await promisify(child.execFile)(node, ['-p', '6*7']);
  assert(run.stdout === '42\n');
  await promisify(child.exec)('true').catch(() => {});
  const quiet = child.spawn(node, ['-e', 'setTimeout(() => {}, 60000)'],
    { stdio: 'ignore', detached: true });
  quiet.kill('SIGTERM');
  assert((await once(quiet, 'exit'))[1] === 'SIGTERM');
  const forked = child.fork(__filename, ['child']);
  forked.send({ n: 20 });
  assert((await once(forked, 'message'))[0].n === 21);
  forked.disconnect();
  await once(forked, 'exit');
  const missing = child.spawn('/nowhere');
  assert((await once(missing, 'error'))[0].code === 'ENOENT');
}

async function rest() {
  await new Promise((done) => setImmediate(() => setTimeout(done, 3)));
  const t = setInterval(() => {}, 1);
  await new Promise((done) => setTimeout(done, 5));
  clearInterval(t);
  await new Promise((done) => process.nextTick(done));
  await require('timers/promises').setTimeout(2);
  performance.now();
  process.hrtime.bigint();
  const hash = crypto.createHash('sha256').update('x').digest('hex');
  assert(hash.length === 64 && crypto.randomBytes(16).length === 16 && crypto.randomUUID());
  await promisify(crypto.pbkdf2)('p', 's', 10, 16, 'sha512');
  await promisify(crypto.scrypt)('p', 's', 16, { N: 16 });
  await promisify(crypto.generateKeyPair)('ec', { namedCurve: 'P-256' });
  const sealed = crypto.createCipheriv('aes-256-gcm', Buffer.alloc(32), Buffer.alloc(12));
  sealed.update('x');
  sealed.final();
  for (const [pack, unpack] of [['gzip', 'gunzip'], ['deflate', 'inflate'],
    ['brotliCompress', 'brotliDecompress']]) {
    const packed = await promisify(zlib[pack])(Buffer.alloc(100000, 'ab'));
    assert((await promisify(zlib[unpack])(packed)).length === 100000);
  }
  for (const call of [os.cpus, os.freemem, os.totalmem, os.loadavg, os.uptime, os.hostname,
    os.userInfo, os.networkInterfaces, os.getPriority, () => os.setPriority(5), os.release,
    process.cpuUsage, process.memoryUsage, process.resourceUsage, process.uptime,
    process.getgroups, process.constrainedMemory, () => process.kill(process.pid, 0)]) {
    quietly(call);
  }
  const seen = once(process, 'SIGUSR2');
  const alive = setInterval(() => {}, 1000);
  process.kill(process.pid, 'SIGUSR2');
  await seen;
  clearInterval(alive);
  const wasm = new WebAssembly.Module(Buffer.from('0061736d01000000', 'hex'));
  assert(new WebAssembly.Instance(wasm) && require('vm').runInNewContext('1+1') === 2);
  assert(new Intl.NumberFormat('de').format(1234.5) && new Date().toLocaleString());
  assert(structuredClone(new Map([[1, 2]])).get(1) === 2 && BigInt(2) ** 64n > 0n);
  const lines = [];
  const rl = require('readline').createInterface({ input: stream.Readable.from(['a\n', 'b\n']) });
  for await (const line of rl) lines.push(line);
  assert(lines.length === 2);
  fs.writeFileSync('made.mjs', 'export const x = 5;');
  assert((await import(path.resolve('made.mjs'))).x === 5);
  const big = [];
  for (let i = 0; i < 24; i++) big.push(Buffer.alloc(1 << 20, 1));
  const objects = Array.from({ length: 300000 }, (_, i) => ({ i }));
  assert(objects.length && big.length === 24);
  const server = require('http').createServer().on('error', () => {});
  server.listen(0);
  server.close();
  await require('dns').promises.lookup('localhost').catch(() => {});
  if (!process.argv[2]) for await (const chunk of process.stdin) assert(chunk);
}

async function main() {
  filesSync();
  await filesAsync();
  await threads();
  await processes();
  await rest();
  new EventEmitter().emit('done');
  process.stdout.write('ok\n');
}

if (!isMainThread) {
  Atomics.add(new Int32Array(workerData.shared), 0, 1);
  parentPort.postMessage(workerData.n * 10);
} else if (process.argv[2] === 'child') {
  process.on('message', (m) => process.send({ n: m.n + 1 }));
} else {
  main().catch((e) => {
    console.error(e);
    process.exit(1);
  });
}
