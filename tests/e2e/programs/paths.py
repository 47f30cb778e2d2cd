"""Shortest paths from node 0: reads `n m` and m edges `a b cost`; prints n distances."""
import heapq
import sys


def main():
    numbers = iter(map(int, sys.stdin.read().split()))
    n, m = next(numbers), next(numbers)
    edges = [[] for _ in range(n)]
    for _ in range(m):
        a, b, cost = next(numbers), next(numbers), next(numbers)
        edges[a].append((b, cost))
        edges[b].append((a, cost))
    best = [None] * n
    queue = [(0, 0)]
    while queue:
        distance, at = heapq.heappop(queue)
        if best[at] is not None:
            continue
        best[at] = distance
        for to, cost in edges[at]:
            heapq.heappush(queue, (distance + cost, to))
    print(*("-" if d is None else d for d in best))


main()
