// Recursion without end through a destructor.
struct node {
    node *next;
    ~node() { delete next; }
};
int main()
{
    node *n = nullptr;
    for (long i = 0; i < 3000000; i++)
        n = new node{n};
    delete n;
}
