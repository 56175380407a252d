"""What is asked of an image in between, and of all at the end."""

from __future__ import annotations

import json

from tests.faults.soak.client import TAGS, Client
from tests.faults.soak.content import Manifest
from tests.faults.soak.model import Image
from tests.faults.soak.pulling import Pull
from tests.faults.soak.sharing import SharedImage
from tests.faults.soak.wire import Wrong


def check(client: Client) -> None:
    """Look at one image from several sides."""
    image = client.touch(client.some_image())
    check_tags(client, image)
    check_deleted(client, image)
    check_referrers(client, image)
    if image.tags:
        tag = client.rng.choice(sorted(image.tags))
        Pull(client, image).whole(tag, image.tags[tag])


def check_tags(client: Client, image: Image) -> None:
    """See that the list of tags is that of the model."""
    reply = client.expect("GET", f"{image.path}/tags/list", 200, 404)
    listed = json.loads(reply.body)["tags"] if reply.status == 200 else []
    if listed != sorted(image.tags):
        raise Wrong(f"{image} lists {listed}, not {sorted(image.tags)}")


def check_deleted(client: Client, image: Image) -> None:
    """See that some of what was deleted cannot be read, and that what is promised can."""
    for digest in list(image.gone)[-2:]:
        client.absent(f"{image.path}/manifests/{digest}")
    free = [tag for tag in TAGS if tag not in image.tags]
    if free:
        client.absent(f"{image.path}/manifests/{client.rng.choice(free)}")


def check_referrers(client: Client, image: Image) -> None:
    """See that what is attached to a manifest is listed."""
    live = image.live()
    subjects = {manifest.subject for manifest in image.manifests.values()}
    about = sorted(digest for digest in live if digest in subjects)
    if not about:
        return
    subject = client.rng.choice(about)
    known = {one for one in image.manifests if image.manifests[one].subject == subject}
    path = f"{image.path}/referrers/{subject}"
    reply = client.expect("GET", path, 200)
    listed = {descriptor["digest"] for descriptor in json.loads(reply.body)["manifests"]}
    if not (known & live <= listed <= known):
        raise Wrong(f"GET {path}: {sorted(listed)}, not {sorted(known & live)}")


def check_everything(client: Client) -> None:
    """Pull all tags of the client's images, and see that all that was deleted is gone."""
    for image in client.all_images():
        client.touch(image)
        check_tags(client, image)
        check_deleted(client, image)
        for digest in image.gone:
            client.absent(f"{image.path}/manifests/{digest}")
        for tag, digest in sorted(image.tags.items()):
            Pull(client, image).whole(tag, digest)


def read_shared(client: Client, shared: SharedImage) -> Image:
    """Return a shared image as the server shows it, after a pull of all of it."""
    image = Image(shared.key, shared.name)
    reply = client.expect("GET", f"{shared.path}/tags/list", 200, 404)
    tags = json.loads(reply.body)["tags"] if reply.status == 200 else []
    for tag in tags:
        path = f"{shared.path}/manifests/{tag}"
        digest = client.expect("HEAD", path, 200).headers["docker-content-digest"]
        manifest: Manifest | None = shared.manifest(tag, digest)
        if manifest is None:
            raise Wrong(f"{path}: nobody has put {digest}")
        image.manifests[digest] = manifest
        image.unsure.add(digest)
        image.tags[tag] = digest
        Pull(client, image).whole(tag, digest)
    return image
