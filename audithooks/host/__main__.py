"""python -m audithooks.host"""

from .cli import main

if __name__ == "__main__":
    main()
