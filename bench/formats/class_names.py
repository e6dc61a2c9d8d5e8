"""The 80 classes of COCO and every other name that the field's files give them: one table for all readers.

YOLO and SOA write motorbike and tvmonitor, GenEval "computer mouse" and "tv remote", VISOR COCO's own names.
`canonical` makes them one. It never guesses: a name that is not in the table is left as it is.
"""

from __future__ import annotations

COCO: tuple[str, ...] = (
    "person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat", "traffic light",
    "fire hydrant", "stop sign", "parking meter", "bench", "bird", "cat", "dog", "horse", "sheep", "cow", "elephant",
    "bear", "zebra", "giraffe", "backpack", "umbrella", "handbag", "tie", "suitcase", "frisbee", "skis", "snowboard",
    "sports ball", "kite", "baseball bat", "baseball glove", "skateboard", "surfboard", "tennis racket", "bottle",
    "wine glass", "cup", "fork", "knife", "spoon", "bowl", "banana", "apple", "sandwich", "orange", "broccoli",
    "carrot", "hot dog", "pizza", "donut", "cake", "chair", "couch", "potted plant", "bed", "dining table", "toilet",
    "tv", "laptop", "mouse", "remote", "keyboard", "cell phone", "microwave", "oven", "toaster", "sink",
    "refrigerator", "book", "clock", "vase", "scissors", "teddy bear", "hair drier", "toothbrush",
)  # fmt: skip
"""In the order of COCO's categories, which SOA's labels 00 to 79 and VISOR's combinations follow."""

ALIASES: dict[str, str] = {
    # YOLOv3's and Pascal VOC's names, which SOA's detector gives
    "motorbike": "motorcycle", "aeroplane": "airplane", "sofa": "couch", "pottedplant": "potted plant",
    "diningtable": "dining table", "tvmonitor": "tv", "television": "tv",
    # GenEval's object_names.txt
    "computer mouse": "mouse", "tv remote": "remote", "computer keyboard": "keyboard",
    # names of SOA's label_NN_name.pkl
    "plane": "airplane", "trafficlight": "traffic light", "hydrant": "fire hydrant", "stopsign": "stop sign",
    "parkingmeter": "parking meter", "ball": "sports ball", "baseballbat": "baseball bat",
    "baseballglove": "baseball glove", "racket": "tennis racket", "wineglass": "wine glass", "oranges": "orange",
    "hotdog": "hot dog", "table": "dining table", "monitor": "tv", "computermouse": "mouse", "cellphone": "cell phone",
    "scissor": "scissors", "teddybear": "teddy bear", "hairdrier": "hair drier", "hair dryer": "hair drier",
    "doughnut": "donut", "fridge": "refrigerator", "mobile phone": "cell phone",
}  # fmt: skip
"""Other name -> COCO's name."""


def canonical(name: str) -> str:
    """COCO's name of a class, whatever its case and separators; a name that is unknown is given back as it is."""
    plain = " ".join(name.casefold().replace("_", " ").replace("-", " ").split())
    return ALIASES.get(plain, plain if plain in COCO else name)
