"""What comes of each call with each fault: see faults_test.py."""

WANT = {}


def manual():
    return ""
