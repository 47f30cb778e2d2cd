// Shortest paths from node 0: reads `n m` and m edges `a b cost`; prints n distances.
import java.util.ArrayList;
import java.util.List;
import java.util.PriorityQueue;
import java.util.Scanner;

public class Main {
    record Edge(int to, long cost) {}

    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        int n = in.nextInt();
        int m = in.nextInt();
        List<List<Edge>> edges = new ArrayList<>();
        for (int i = 0; i < n; i++) {
            edges.add(new ArrayList<>());
        }
        for (int i = 0; i < m; i++) {
            int a = in.nextInt();
            int b = in.nextInt();
            long cost = in.nextLong();
            edges.get(a).add(new Edge(b, cost));
            edges.get(b).add(new Edge(a, cost));
        }
        long[] best = new long[n];
        java.util.Arrays.fill(best, -1);
        PriorityQueue<Edge> queue = new PriorityQueue<>((x, y) -> Long.compare(x.cost(), y.cost()));
        queue.add(new Edge(0, 0));
        while (!queue.isEmpty()) {
            Edge at = queue.remove();
            if (best[at.to()] >= 0) {
                continue;
            }
            best[at.to()] = at.cost();
            for (Edge e : edges.get(at.to())) {
                queue.add(new Edge(e.to(), at.cost() + e.cost()));
            }
        }
        StringBuilder line = new StringBuilder();
        for (int i = 0; i < n; i++) {
            line.append(i == 0 ? "" : " ").append(best[i] < 0 ? "-" : String.valueOf(best[i]));
        }
        System.out.println(line);
    }
}
