// Asks the compiler to run it: annotation processing must be off.
import java.util.Set;
import javax.annotation.processing.*;
import javax.lang.model.element.TypeElement;
@SupportedAnnotationTypes("*")
public class Processor extends AbstractProcessor {
    public boolean process(Set<? extends TypeElement> t, RoundEnvironment e) {
        try { new java.io.File("/tmp/arena-hostile-compiled").createNewFile(); } catch (Exception x) { }
        return false;
    }
    public static void main(String[] a) { System.out.println("held: ran only when run"); }
}
