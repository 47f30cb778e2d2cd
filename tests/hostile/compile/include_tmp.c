/* QingdaoU #165: includes what an earlier job may have left. */
#if __has_include("/tmp/HOSTILE-MARK") || __has_include("HOSTILE-MARK")
#error DIRTY
#endif
int main(void) { return 0; }
