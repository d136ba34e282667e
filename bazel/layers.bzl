"""Who may see what: the architecture, as Bazel visibility.

A target is visible to its own folder, to tests/, and to the folders whose row
in MAY_USE names its folder. Where one target is for more or for fewer, its
BUILD file passes one of the lists at the end. tests/lint repeats this table for
the #include lines, so a change is made, and reviewed, twice.
"""

# folder: the folders whose targets it may depend on.
MAY_USE = {
    "base": [],
    "policy": ["base"],
    "queue": ["base", "policy"],
    "k8s": ["base", "policy"],
    # And curl on a poller, of k8s: below.
    "notify": ["base", "policy"],
    "config": ["base", "policy"],
    "api": ["base", "policy"],
    "admin": ["base", "policy", "queue", "config"],
    "scheduler": ["base", "policy", "queue", "k8s", "notify", "config", "api", "admin"],
    # The model comes to the command through //api:wire.
    "cli": ["base", "policy", "config"],
    "sim": ["base", "policy"],
}

def _packages(folders):
    return ["//%s:__subpackages__" % folder for folder in folders]

def visible_to(*more):
    """Returns the visibility list of exactly these folders, and tests."""
    return _packages(list(more) + ["tests"])

def layer_visibility(package):
    """Returns the default visibility of a package's targets."""
    folder = package.split("/")[0]
    if folder not in MAY_USE:
        return ["//visibility:private"]
    users = [name for name, used in MAY_USE.items() if folder in used]
    return _packages([folder] + users + ["tests"])

# Wider: //api:wire (JSON of the HTTP interface) and //api:http (the connection
# layer), both otherwise the daemon's alone.
API_WIRE = visible_to("api", "scheduler", "cli")
API_HTTP = visible_to("api", "scheduler", "sim")

# Wider: what the simulated cluster shares with the real client, such as the
# codecs of pods, nodes and quotas.
K8S_CODEC = visible_to("k8s", "scheduler", "sim")

# Wider: connections of curl on a poller, which know nothing of Kubernetes.
K8S_POOL = visible_to("k8s", "notify")

# Wider: the configuration, and YAML with places for messages, for nightshift-replay.
CONFIG_DOCUMENT = visible_to("config", "scheduler", "cli", "admin", "sim")

# Wider: the turn itself and the poller on libev, for the simulator.
SCHEDULER_SHARED = visible_to("scheduler", "sim")

# Narrower: rules that only those see who take the decisions.
POLICY_RULES = visible_to("policy", "scheduler", "sim")

# Narrower: nobody outside the folder (and its tests).
def folder_only(package):
    return visible_to(package.split("/")[0])
