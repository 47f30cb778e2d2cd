# Fetches a page, from the machine and from the world.
import sys, urllib.request
for url in (f"http://127.0.0.1:{sys.argv[1]}/", "http://169.254.169.254/latest/meta-data/",
            "http://1.1.1.1/"):
    try:
        print("ESCAPED", urllib.request.urlopen(url, timeout=2).read(100))
    except Exception as e:
        print("held", e)
