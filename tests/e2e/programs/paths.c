/* Shortest paths from node 0: reads `n m` and m edges `a b cost`; prints n distances. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

struct edge {
    int a, b, cost;
};

int main(void)
{
    int n, m;
    if (scanf("%d %d", &n, &m) != 2)
        return 1;
    struct edge *edges = calloc(m + 1, sizeof *edges);
    int *best = malloc(n * sizeof *best);
    for (int i = 0; i < m; i++)
        if (scanf("%d %d %d", &edges[i].a, &edges[i].b, &edges[i].cost) != 3)
            return 1;
    for (int i = 0; i < n; i++)
        best[i] = i == 0 ? 0 : INT_MAX;
    for (int changed = 1; changed;) {
        changed = 0;
        for (int i = 0; i < 2 * m; i++) {
            struct edge e = edges[i / 2];
            int from = i % 2 ? e.b : e.a, to = i % 2 ? e.a : e.b;
            if (best[from] != INT_MAX && best[from] + e.cost < best[to]) {
                best[to] = best[from] + e.cost;
                changed = 1;
            }
        }
    }
    for (int i = 0; i < n; i++) {
        if (best[i] == INT_MAX)
            printf("%s-", i ? " " : "");
        else
            printf("%s%d", i ? " " : "", best[i]);
    }
    putchar('\n');
    free(edges);
    free(best);
    return 0;
}
