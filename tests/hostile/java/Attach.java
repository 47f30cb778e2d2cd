// Asks to be debugged and signals its parent.
public class Attach {
    public static void main(String[] a) {
        try {
        ProcessHandle.allProcesses().filter(p -> p.pid() != ProcessHandle.current().pid()).forEach(p -> {
            try { System.out.println((p.destroyForcibly() ? "tried " : "held ") + p.pid()); }
            catch (RuntimeException e) { System.out.println("held " + e); }
        });
        } catch (RuntimeException e) { System.out.println("held " + e); }
        System.out.println("held: still here");
    }
}
