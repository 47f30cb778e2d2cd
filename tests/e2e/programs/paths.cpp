// Shortest paths from node 0: reads `n m` and m edges `a b cost`; prints n distances.
#include <functional>
#include <iostream>
#include <optional>
#include <queue>
#include <vector>

int main()
{
    std::size_t n = 0, m = 0;
    std::cin >> n >> m;
    std::vector<std::vector<std::pair<std::size_t, long>>> edges(n);
    for (std::size_t i = 0; i < m; i++) {
        std::size_t a = 0, b = 0;
        long cost = 0;
        std::cin >> a >> b >> cost;
        edges[a].emplace_back(b, cost);
        edges[b].emplace_back(a, cost);
    }
    std::vector<std::optional<long>> best(n);
    using reached = std::pair<long, std::size_t>;
    std::priority_queue<reached, std::vector<reached>, std::greater<>> queue;
    queue.emplace(0, 0);
    while (!queue.empty()) {
        auto [distance, at] = queue.top();
        queue.pop();
        if (best[at])
            continue;
        best[at] = distance;
        for (auto [to, cost] : edges[at])
            queue.emplace(distance + cost, to);
    }
    for (std::size_t i = 0; i < n; i++) {
        std::cout << (i ? " " : "");
        if (best[i])
            std::cout << *best[i];
        else
            std::cout << '-';
    }
    std::cout << '\n';
}
