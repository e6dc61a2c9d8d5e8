"""One table of class names: what YOLO, GenEval, VISOR and SOA call the 80 classes of COCO."""

from __future__ import annotations

from bench.formats.class_names import ALIASES, COCO, canonical

# in the order of the classes, as the repository of SOA names its files and YOLOv3 its classes
SOA = """person bicycle car motorcycle plane bus train truck boat trafficlight hydrant stopsign parkingmeter bench bird
cat dog horse sheep cow elephant bear zebra giraffe backpack umbrella handbag tie suitcase frisbee skis snowboard ball
kite baseballbat baseballglove skateboard surfboard racket bottle wineglass cup fork knife spoon bowl banana apple
sandwich
oranges broccoli carrot hotdog pizza donut cake chair sofa pottedplant bed table toilet monitor laptop computermouse
remote keyboard cellphone microwave oven toaster sink refrigerator book clock vase scissor teddybear hairdrier
toothbrush""".split()
YOLO = {3: "motorbike", 4: "aeroplane", 57: "sofa", 58: "pottedplant", 60: "diningtable", 62: "tvmonitor"}


def test_every_name_leads_to_one_class():
    assert len(COCO) == len(set(COCO)) == 80
    assert [canonical(name) for name in SOA] == list(COCO)
    assert {at: canonical(name) for at, name in YOLO.items()} == {at: COCO[at] for at in YOLO}
    assert set(ALIASES.values()) <= set(COCO) and not set(ALIASES) & set(COCO)


def test_case_and_separators_do_not_matter_and_unknown_names_stay():
    assert canonical("Hot_Dog") == canonical("hot-dog") == canonical("hotdog") == "hot dog"
    assert canonical("Unicorn") == "Unicorn" and canonical("mousepad") == "mousepad"


def test_geneval_s_own_list(shared_data):
    names = (shared_data / "geneval" / "object_names.txt").read_text().split("\n")
    names = [n for n in names if n]
    assert [canonical(n) for n in names] == list(COCO)
    other = [n for n, c in zip(names, COCO, strict=True) if n != c]
    assert other == ["computer mouse", "tv remote", "computer keyboard"]
