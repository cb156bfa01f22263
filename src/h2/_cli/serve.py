"""stub"""


def run(options):
    return 0
