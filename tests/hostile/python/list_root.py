# What of the machine is in sight: nothing of its users, packages or services.
import os
bad = [p for p in ("/home", "/root", "/boot", "/opt", "/srv", "/var/lib", "/etc/passwd-", "/etc/shadow",
                   "/usr/local", "/usr/bin/sudo", "/usr/bin/mount", "/bin/sh", "/usr/sbin", "/snap")
       if os.path.exists(p)]
print("ESCAPED: in sight:" if bad else "held", *bad)
