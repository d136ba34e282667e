"""llhttp_library: the HTTP parser, compiled from the distribution's sources."""

_HEADER = "/usr/share/include/llhttp/llhttp.h"
_SOURCES = ["/usr/share/llhttp/%s.c" % name for name in ["api", "http", "llhttp"]]

# Strict mode is off by default, and then requests pass that smuggle others in
# ("X-Foo : x", CVE-2023-30589, CVE-2025-23167). The header's structs and the
# sources must agree, so whoever uses the library gets the macro too.
_BUILD = """\
cc_library(
    name = "llhttp",
    srcs = ["api.c", "http.c", "llhttp.c"],
    hdrs = ["llhttp.h"],
    copts = ["-w"],
    defines = ["LLHTTP_STRICT_MODE=1"],
    includes = ["."],
    visibility = ["//visibility:public"],
)
"""

def _impl(rctx):
    for path in [_HEADER] + _SOURCES:
        if not rctx.path(path).exists:
            fail("\n\n  Can't use llhttp: there is no %s\n  Install it:  apt-get install --no-install-recommends node-llhttp   (or all: bazel/setup.sh)\n" % path)
        rctx.symlink(path, path.split("/")[-1])
    rctx.file("BUILD.bazel", _BUILD)

llhttp_library = repository_rule(
    implementation = _impl,
    local = True,
)
