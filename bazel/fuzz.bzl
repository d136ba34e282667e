"""fuzz_target: one source file that is a regression test and a fuzzer.

    fuzz_target(name = "manifest", deps = ["//config:manifest"])

takes tests/fuzz/manifest.c, which defines LLVMFuzzerTestOneInput, and the
inputs in tests/fuzz/corpus/manifest/.
"""

def fuzz_target(name, srcs = None, corpus = None, deps = [], **kwargs):
    """Declares two targets of one LLVMFuzzerTestOneInput.

    NAME: a test, in every configuration: runs each input of the corpus once.
    NAME_fuzzer: libFuzzer itself, only with --config=fuzz: ./run fuzz NAME.

    Args:
      name: the target; its file is NAME.c.
      srcs: instead of NAME.c.
      corpus: inputs, instead of all in corpus/NAME/.
      deps: what the target includes.
      **kwargs: passed to both targets.
    """
    srcs = srcs or [name + ".c"]
    if corpus == None:
        corpus = native.glob(["corpus/%s/**" % name])
    native.cc_test(
        name = name,
        size = "small",
        srcs = srcs + ["//bazel:fuzz_replay.c"],
        args = ["$(rootpaths %s)" % label for label in corpus],
        data = corpus,
        deps = deps,
        **kwargs
    )
    native.cc_binary(
        name = name + "_fuzzer",
        testonly = True,
        srcs = srcs,
        linkopts = select(
            {"//bazel:fuzzing": ["-fsanitize=fuzzer"]},
            no_match_error = "a fuzzer needs --config=fuzz",
        ),
        tags = [
            "fuzzer",
            "manual",
        ],
        deps = deps,
        **kwargs
    )
