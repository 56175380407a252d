"""Images that are pushed, and deleted in every way there is."""

from __future__ import annotations

from tests.support.bench import ALICE, IMAGE, TAG, Bench, image, index

BODY = image(b"layer")
GONE = ("a tag", "its manifest", "an image", "an untagged one")


def lose(bench: Bench, way: str = "its manifest") -> None:
    """Delete the image that was pushed to the tag."""
    if way == "a tag":
        bench.untag()
    elif way == "its manifest":
        bench.repository.delete_tag(IMAGE, TAG, ALICE)
    elif way == "an image":
        bench.repository.delete_image(IMAGE, ALICE)
    else:
        bench.delete(BODY)


def push_index(bench: Bench) -> list[bytes]:
    """Push an index of an index and an image; return all of them, the outermost last."""
    children = [bench.push(f"{n}".encode(), to=None, note=f"{n}") for n in range(2)]
    inner = index(children[0], note="inner")
    bench.put(inner)
    outer = index(inner, children[1], note="outer")
    bench.put(outer, TAG)
    return [*children, inner, outer]
