# Threads without end, each asleep.
import threading, time
n = 0
try:
    while n < 5000:
        threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()
        n += 1
    print("ESCAPED: 5000 threads")
except RuntimeError as e:
    print("held:", e)
