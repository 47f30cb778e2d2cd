// A constant that doubles thirty times.
public class Constants {
    static final String A = "xxxxxxxxxxxxxxxx", B = A + A + A + A, C = B + B + B + B, D = C + C + C + C;
    static final String E = D + D + D + D, F = E + E + E + E, G = F + F + F + F, H = G + G + G + G;
    static final String I = H + H + H + H, J = I + I + I + I, K = J + J + J + J, L = K + K + K + K;
    static final String M = L + L + L + L, N = M + M + M + M;
    public static void main(String[] a) { System.out.println(N.length()); }
}
