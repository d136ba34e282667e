"""system_library: one of the distribution's C libraries as @NAME//:NAME."""

_BUILD = """\
package(default_visibility = ["//visibility:public"])

cc_library(
    name = {name},
    hdrs = {hdrs},
    defines = {defines},
    includes = {includes},
    linkopts = {linkopts},
)
"""

def _name(rctx):
    # In a module extension Bazel makes "_main~extension~libev" of "libev".
    return rctx.attr.name.replace("+", "~").split("~")[-1]

def _missing(rctx, why):
    # Bazel prints this up to three times over: keep it short.
    fail("\n\n  Can't use the system library '%s': %s\n  Install it:  apt-get install %s   (or all: bazel/setup.sh)\n" % (
        _name(rctx),
        why,
        " ".join(rctx.attr.debian_packages),
    ))

def _first_error(text):
    for line in text.split("\n"):
        if "error" in line or "cannot find" in line:
            return line
    return text

def _run(rctx, argv):
    result = rctx.execute(argv)
    return result.return_code, result.stdout.strip(), result.stderr.strip()

def _pkg_config(rctx, tool, module, args):
    code, out, err = _run(rctx, [tool] + args + [module])
    if code != 0:
        _missing(rctx, _first_error(err))
    return [word for word in out.split(" ") if word]

def _flags(rctx):
    """Returns (compile words, link words, version)."""
    if not rctx.attr.pkg_config:
        return [], rctx.attr.linkopts, ""
    tool = rctx.which("pkg-config")
    if not tool:
        fail("\n\n  pkg-config isn't installed:  apt-get install pkg-config   (or all: bazel/setup.sh)\n")
    module = rctx.attr.pkg_config
    code, _, _ = _run(rctx, [tool, "--exists", module])
    if code != 0:
        _missing(rctx, "pkg-config finds no %s.pc" % module)
    version = " ".join(_pkg_config(rctx, tool, module, ["--modversion"]))
    if rctx.attr.min_version:
        code, _, _ = _run(rctx, [tool, "--atleast-version=" + rctx.attr.min_version, module])
        if code != 0:
            _missing(rctx, "version %s is older than the %s needed" % (version, rctx.attr.min_version))
    return (
        _pkg_config(rctx, tool, module, ["--cflags"]),
        _pkg_config(rctx, tool, module, ["--libs"]) + rctx.attr.linkopts,
        version,
    )

def _probe(rctx, compile_words, link_words):
    """Compiles and links a program with the headers: the -dev package is whole."""
    cc = rctx.os.environ.get("CC", "cc")
    tool = rctx.which(cc) if "/" not in cc else rctx.path(cc)
    if not tool:
        fail("\n\n  The C compiler '%s' isn't installed:  bazel/setup.sh --dev\n" % cc)
    lines = ["#include <%s>" % header for header in rctx.attr.headers]
    rctx.file("probe.c", "\n".join(lines + ["int main(void) { return 0; }", ""]))
    code, _, err = _run(rctx, [tool, "-o", "probe", "probe.c"] + compile_words + link_words)
    if code != 0:
        _missing(rctx, _first_error(err))

    # The sizes and times of those headers tell one installed version from the
    # next, also where the version number stays (a rebuild by the distribution).
    code, out, err = _run(rctx, [tool, "-M"] + compile_words + ["probe.c"])
    if code != 0:
        _missing(rctx, err)
    words = out.replace("\\\n", " ").split(" ")
    found = [word for word in words if word.startswith("/")]
    wanted = [path for path in found if [h for h in rctx.attr.headers if path.endswith("/" + h)]]
    _, stamp, _ = _run(rctx, ["stat", "-L", "-c", "%n %s %Y"] + wanted)
    return stamp

def _impl(rctx):
    name = _name(rctx)
    compile_words, link_words, version = _flags(rctx)
    stamp = _probe(rctx, compile_words, link_words)

    # Bazel doesn't watch /usr/include. A define that changes with the installed
    # headers makes the library's users recompile after an upgrade.
    defines = ["SYSTEM_%s_STAMP=%d" % (name.upper().replace("-", "_"), hash(version + stamp))]
    includes = []
    linkopts = []
    for word in compile_words:
        if word.startswith("-I"):
            # The compiler finds /usr/include by itself, and Bazel knows so. Any
            # other folder is linked into the repository to become an input.
            path = word[2:]
            if path != "/usr/include" and not (path.startswith("/usr/include/") and "-linux-gnu" in path):
                local = "include%d" % len(includes)
                rctx.symlink(path, local)
                includes.append(local)
        elif word.startswith("-D"):
            defines.append(word[2:])
        elif word == "-pthread":
            linkopts.append(word)
    for word in link_words:
        if word not in linkopts:
            linkopts.append(word)
        if word.startswith("-L"):
            linkopts.append("-Wl,-rpath," + word[2:])

    rctx.file("BUILD.bazel", _BUILD.format(
        name = repr(name),
        hdrs = "glob(%r)" % [i + "/**/*.h" for i in includes] if includes else "[]",
        defines = repr(defines),
        includes = repr(includes),
        linkopts = repr(linkopts),
    ))

system_library = repository_rule(
    implementation = _impl,
    attrs = {
        "debian_packages": attr.string_list(mandatory = True, doc = "what to install when it's missing"),
        "headers": attr.string_list(mandatory = True, doc = "what to include to see that it's there"),
        "linkopts": attr.string_list(doc = "for a library without a .pc file, or beside it"),
        "min_version": attr.string(doc = "the oldest version that will do"),
        "pkg_config": attr.string(doc = "the .pc file's name; none: only linkopts"),
    },
    configure = True,
    # Looked at again when the Bazel server starts, so that an upgrade is seen.
    local = True,
    environ = ["CC", "PKG_CONFIG_PATH"],
)
