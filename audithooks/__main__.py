"""python -m audithooks"""

from .cli import main

main()
