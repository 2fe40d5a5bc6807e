"""What Python users do: lists, writes, watches and custom objects. Prints one JSON object of what it found."""
import json
import sys

from kubernetes import client, config, dynamic, watch
from kubernetes.client.rest import ApiException

config.load_kube_config(config_file=sys.argv[1])
core = client.CoreV1Api()
found = {"version": client.VersionApi().get_code().minor}

core.create_namespaced_config_map("default", client.V1ConfigMap(metadata=client.V1ObjectMeta(name="python"), data={"a": "1"}))
version = core.list_namespaced_config_map("default").metadata.resource_version
core.patch_namespaced_config_map("python", "default", {"data": {"a": "2"}})
core.delete_namespaced_config_map("python", "default")
events = []
for event in watch.Watch().stream(core.list_namespaced_config_map, "default", resource_version=version, timeout_seconds=30):
    events.append([event["type"], event["object"].metadata.name, event["object"].data["a"]])
    if event["type"] == "DELETED":
        break
found["events"] = events

try:
    core.read_namespaced_config_map("python", "default")
except ApiException as error:
    found["missing"] = error.status

apps = client.AppsV1Api()
apps.create_namespaced_deployment("default", {
    "metadata": {"name": "python"},
    "spec": {"selector": {"matchLabels": {"a": "b"}}, "template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}},
})
found["strategy"] = apps.read_namespaced_deployment("python", "default").spec.strategy.type
apps.delete_namespaced_deployment("python", "default", propagation_policy="Foreground")

custom = client.CustomObjectsApi()
place = ("shop.example.com", "v1", "default", "widgets")
custom.create_namespaced_custom_object(*place, {"apiVersion": "shop.example.com/v1", "kind": "Widget", "metadata": {"name": "python"}, "spec": {"size": 2}})
custom.patch_namespaced_custom_object(*place, "python", {"spec": {"size": 3}})
found["widget"] = custom.get_namespaced_custom_object(*place, "python")["spec"]
try:
    custom.patch_namespaced_custom_object(*place, "python", {"spec": {"size": 1}})
except ApiException as error:
    found["refused"] = json.loads(error.body)["reason"]

widgets = dynamic.DynamicClient(client.ApiClient()).resources.get(api_version="shop.example.com/v1", kind="Widget")
found["dynamic"] = [item.metadata.name for item in widgets.get(namespace="default").items]
custom.delete_namespaced_custom_object(*place, "python")
print(json.dumps(found))
