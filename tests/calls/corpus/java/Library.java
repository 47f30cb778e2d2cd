// SPDX-License-Identifier: MPL-2.0
import java.io.*;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.channels.*;
import java.nio.charset.StandardCharsets;
import java.nio.file.*;
import java.nio.file.attribute.*;
import java.security.*;
import java.text.*;
import java.time.*;
import java.util.*;
import java.util.concurrent.*;
import java.util.concurrent.atomic.*;
import java.util.concurrent.locks.*;
import java.util.regex.*;
import java.util.stream.*;
import java.util.zip.*;

public class Library {
    interface Step {
        void run() throws Exception;
    }

    static void must(boolean yes, String what) {
        if (!yes)
            throw new IllegalStateException(what);
    }

    /** What may be refused or missing, as long as it is by an exception. */
    static void maybe(Step step) {
        try {
            step.run();
        } catch (Exception | LinkageError e) {
            System.err.println("not here: " + e);
        }
    }

    static void files() throws Exception {
        Path d = Files.createDirectories(Path.of("a/b/c")).getParent().getParent(), f = d.resolve("one.txt");
        Files.writeString(f, "text\n".repeat(1000));
        Files.copy(f, d.resolve("two.txt"), StandardCopyOption.COPY_ATTRIBUTES);
        Files.move(d.resolve("two.txt"), d.resolve("three.txt"), StandardCopyOption.ATOMIC_MOVE);
        Files.createSymbolicLink(d.resolve("link"), Path.of("one.txt"));
        Files.createLink(d.resolve("hard"), f);
        must(Files.readSymbolicLink(d.resolve("link")).toString().equals("one.txt"), "links");
        Files.setLastModifiedTime(f, FileTime.fromMillis(1000));
        Files.setPosixFilePermissions(f, PosixFilePermissions.fromString("rw-r-----"));
        maybe(() -> Files.setOwner(f, Files.getOwner(f)));
        must(Files.readAttributes(f, PosixFileAttributes.class).size() == 5000, "attributes");
        must(Files.isSameFile(f, d.resolve("hard")) && Files.isWritable(f), "same file");
        must(f.toRealPath().endsWith("one.txt"), "real path");
        maybe(() -> must(Files.getFileStore(f).getTotalSpace() > 0, "store"));
        maybe(() -> ((UserDefinedFileAttributeView) Files.getFileAttributeView(f, UserDefinedFileAttributeView.class)).list());
        try (Stream<Path> all = Files.walk(d)) {
            must(all.count() == 7, "walks");
        }
        try (FileChannel c = FileChannel.open(f, StandardOpenOption.READ, StandardOpenOption.WRITE);
                FileChannel to = FileChannel.open(d.resolve("four"), StandardOpenOption.CREATE, StandardOpenOption.WRITE, StandardOpenOption.READ);
                FileLock l = c.lock()) {
            must(c.transferTo(0, 1000, to) == 1000 && to.transferFrom(c, 1000, 500) == 500, "transfers");
            ByteBuffer[] two = {ByteBuffer.allocate(4), ByteBuffer.allocateDirect(4)};
            must(c.read(two) == 8 && c.read(ByteBuffer.allocate(4), 8) == 4, "scatters");
            c.map(FileChannel.MapMode.READ_WRITE, 0, 4096).force();
            c.truncate(100);
            c.force(true);
        }
        try (RandomAccessFile r = new RandomAccessFile("a/four", "rw")) {
            r.seek(10);
            r.writeInt(42);
            r.setLength(64);
            r.getFD().sync();
        }
        try (BufferedWriter w = Files.newBufferedWriter(Path.of("a/five")); PrintWriter p = new PrintWriter(w)) {
            p.printf(Locale.GERMANY, "%,.2f%n", 12345.678);
        }
        File temp = File.createTempFile("tmp", null), folder = new File("a/folder");
        must(temp.setReadOnly() && temp.delete() && folder.mkdir() && folder.delete(), "java.io");
        must(new File(".").list().length > 0 && new File("a/five").setLastModified(1000), "lists");
        maybe(() -> FileSystems.getDefault().newWatchService().close());
        try (AsynchronousFileChannel c = AsynchronousFileChannel.open(f)) {
            must(c.read(ByteBuffer.allocate(10), 0).get() == 10, "asynchronous");
        }
        try (ObjectOutputStream o = new ObjectOutputStream(new FileOutputStream("a/object"))) {
            o.writeObject(List.of(1, 2));
        }
        try (ZipOutputStream z = new ZipOutputStream(new FileOutputStream("a.zip"))) {
            z.putNextEntry(new ZipEntry("e"));
            z.write(new byte[100000]);
        }
        try (ZipFile z = new ZipFile("a.zip"); FileSystem fs = FileSystems.newFileSystem(Path.of("a.zip"))) {
            must(z.getInputStream(z.getEntry("e")).readAllBytes().length == 100000, "zip");
            must(Files.size(fs.getPath("e")) == 100000, "zip file system");
        }
    }

    static void threads() throws Exception {
        ExecutorService pool = Executors.newFixedThreadPool(4);
        List<Future<Integer>> got = new ArrayList<>();
        for (int i = 0; i < 100; i++) {
            int n = i;
            got.add(pool.submit(() -> n * n));
        }
        must(got.get(9).get() == 81, "pools");
        pool.shutdown();
        must(pool.awaitTermination(20, TimeUnit.SECONDS), "ends");
        must(IntStream.range(0, 100000).parallel().sum() == 704982704, "parallel streams");
        must(CompletableFuture.supplyAsync(() -> 6).thenApplyAsync(n -> n * 7).get() == 42, "futures");
        CountDownLatch ticks = new CountDownLatch(3);
        ScheduledExecutorService s = Executors.newScheduledThreadPool(1);
        s.scheduleAtFixedRate(ticks::countDown, 1, 1, TimeUnit.MILLISECONDS);
        must(ticks.await(20, TimeUnit.SECONDS), "ticks");
        s.shutdownNow();
        java.util.Timer t = new java.util.Timer(true);
        CountDownLatch once = new CountDownLatch(1);
        t.schedule(new TimerTask() {
            public void run() {
                once.countDown();
            }
        }, 2);
        once.await();
        ReentrantLock lock = new ReentrantLock();
        Condition c = lock.newCondition();
        lock.lock();
        c.await(1, TimeUnit.MILLISECONDS);
        lock.unlock();
        Thread sleeper = new Thread(() -> {
            try {
                Thread.sleep(60000);
            } catch (InterruptedException e) {
                Thread.yield();
            }
        });
        sleeper.setPriority(3);
        sleeper.start();
        sleeper.interrupt();
        sleeper.join();
        LockSupport.parkNanos(1000000);
        synchronized (lock) {
            lock.wait(1);
        }
        ForkJoinPool.commonPool().submit(() -> 1).get();
        AtomicLong n = new AtomicLong();
        ConcurrentHashMap<Integer, Integer> m = new ConcurrentHashMap<>();
        IntStream.range(0, 10000).parallel().forEach(i -> m.merge(i % 10, 1, Integer::sum));
        must(n.incrementAndGet() == 1 && m.get(3) == 1000, "maps");
        Runtime.getRuntime().addShutdownHook(new Thread(() -> System.err.println("hook")));
    }

    static void channels() throws Exception {
        Pipe p = Pipe.open();
        try (Selector s = Selector.open()) {
            p.source().configureBlocking(false);
            p.source().register(s, SelectionKey.OP_READ);
            must(s.selectNow() == 0 && s.select(2) == 0, "nothing yet");
            p.sink().write(ByteBuffer.wrap("abc".getBytes(StandardCharsets.UTF_8)));
            must(s.select(20000) == 1, "selects");
            s.wakeup();
        }
        p.sink().close();
        p.source().close();
        maybe(() -> new java.net.ServerSocket(0).close());
        maybe(() -> java.net.InetAddress.getLocalHost());
        maybe(() -> SocketChannel.open().close());
    }

    static void processes() {
        String java = System.getProperty("java.home") + "/bin/java";
        maybe(() -> {
            Process p = new ProcessBuilder(java, "-Xmx16m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-version")
                    .redirectErrorStream(true).start();
            must(new String(p.getInputStream().readAllBytes()).contains("openjdk"), "says its version");
            must(p.waitFor() == 0, "ends well");
        });
        maybe(() -> Runtime.getRuntime().exec(new String[] {"/nowhere"}));
        maybe(() -> {
            Process p = new ProcessBuilder(java, "--help").redirectOutput(ProcessBuilder.Redirect.DISCARD).start();
            p.destroy();
            p.waitFor();
        });
        maybe(() -> ProcessHandle.current().info());
        maybe(() -> ProcessHandle.allProcesses().count());
    }

    static void rest() throws Exception {
        must(new SecureRandom().generateSeed(8).length == 8 && UUID.randomUUID() != null, "random");
        must(MessageDigest.getInstance("SHA-256").digest(new byte[10]).length == 32, "digests");
        KeyPairGenerator g = KeyPairGenerator.getInstance("EC");
        must(g.generateKeyPair().getPrivate() != null, "keys");
        must(BigInteger.TWO.pow(5000).mod(BigInteger.TEN).intValue() == 6, "numbers");
        must(LocalDateTime.now(ZoneId.of("Europe/Berlin")) != null && Instant.now() != null, "time");
        must(new SimpleDateFormat("yyyy").format(new Date(0)).length() == 4, "dates");
        must(Pattern.compile("(\\w+)=").matcher("a=b").find() && Locale.getDefault() != null, "text");
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        try (GZIPOutputStream z = new GZIPOutputStream(out)) {
            z.write(new byte[100000]);
        }
        must(new GZIPInputStream(new ByteArrayInputStream(out.toByteArray())).readAllBytes().length == 100000, "gzip");
        for (int round = 0; round < 20; round++) {
            List<byte[]> junk = new ArrayList<>();
            for (int i = 0; i < 16; i++)
                junk.add(new byte[1 << 20]);
        }
        System.gc();
        try {
            byte[][] all = new byte[100000][];
            for (int i = 0; i < all.length; i++)
                all[i] = new byte[1 << 20];
        } catch (OutOfMemoryError e) {
            System.err.println("full");
        }
        try {
            deep(0);
        } catch (StackOverflowError e) {
            System.err.println("deep");
        }
        java.lang.management.ManagementFactory.getRuntimeMXBean().getUptime();
        java.lang.management.ManagementFactory.getOperatingSystemMXBean().getSystemLoadAverage();
        java.lang.reflect.Proxy.newProxyInstance(Library.class.getClassLoader(), new Class<?>[] {Runnable.class}, (a, b, c) -> null);
        System.getenv().size();
        Runtime.getRuntime().availableProcessors();
        Runtime.getRuntime().maxMemory();
        int n = 0;
        Scanner s = new Scanner(System.in);
        while (s.hasNextLine())
            n += s.nextLine().length();
        System.err.println(n + " characters");
    }

    static int deep(int n) {
        return deep(n + 1) + 1;
    }

    public static void main(String[] args) throws Exception {
        files();
        threads();
        channels();
        processes();
        rest();
        System.out.println("ok");
    }
}
