"""Models of visual questions, small and random: probabilities are the library's own, and yes is yes."""

from __future__ import annotations

import json
import math
import shutil

import pytest
import torch
from tiny_hub import blip, blip2, llava, picture, vilt

from bench.engine.looks import Eye
from bench.errors import UsageError
from bench.extractors.hub_vqa import Vqa
from bench.extractors.vqa_asking import FIGURE, Asking, chance, of_choices, of_yes, shares
from bench.extractors.vqa_models import tokens_of
from bench.types import Question, Sample

pytest.importorskip("transformers")
pytestmark = pytest.mark.usefixtures("one_thread")
MAKERS = {"blip": blip, "vilt": vilt, "llava": llava, "blip2": blip2}
DOG = Question("dog", "is there a dog ?", "yes")
CAT = Question("cat", "is there a cat in the photo ?", "no", ("yes", "no"))
COLOUR = Question("colour", "what colour is the dog ?", "red", ("red", "blue", "green"))
COUNT = Question("count", "how many dog are there ?", "2")
SAMPLES = [
    Sample("a", "a red dog", questions=(DOG, CAT, COLOUR, COUNT)),
    Sample("b", "a blue cat on the bench", questions=(COLOUR, COUNT)),
    Sample("c", "two bird"),
]


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    base = tmp_path_factory.mktemp("vqa")
    return {name: make(base / name) for name, make in MAKERS.items()}


def model(folder, **given):
    made = Vqa(str(folder), **given)
    assert made.problems() == []
    return made


def answers(made, seeds=(0, 1, 2), samples=SAMPLES):
    return made.extract_images([made.prepare_image(picture(s)) for s in seeds], samples)["answers"]


# ---- what the library says -------------------------------------------------------------------------------------------


def first_token(folder, image, text):
    """Probabilities of the answer's first token by the library's own generation, and the tokenizer."""
    import transformers as t

    name = json.loads((folder / "config.json").read_text())["architectures"][0]
    loaded = getattr(t, name).from_pretrained(folder).eval()
    processor = t.AutoProcessor.from_pretrained(folder)
    inputs = processor(images=image, text=text, return_tensors="pt")
    told = loaded.generate(**inputs, max_new_tokens=1, output_logits=True, return_dict_in_generate=True)
    return told.logits[0][0].double().softmax(-1), processor.tokenizer


TEXTS = {
    "blip": "{}",
    "llava": "<image> question : {} Please answer yes or no. answer :",
    "blip2": "Question: {} Please answer yes or no. Answer:",
}


@pytest.mark.parametrize("kind", ["blip", "llava", "blip2"])
def test_yes_and_no_are_the_first_token_of_the_librarys_generation(folders, kind):
    made = model(folders[kind])
    (found,) = answers(made, (0,), SAMPLES[:1])
    for question in (DOG, CAT):
        p, tokens = first_token(folders[kind], picture(0), TEXTS[kind].replace("{}", question.text))
        yes, no = (sum(float(p[tokens.get_vocab()[w]]) for w in words if w in tokens.get_vocab())
                   for words in (("yes", "Yes"), ("no", "No")))  # fmt: skip
        share = yes / (yes + no)
        assert found.texts[question.id] == ("yes" if share > 0.5 else "no")
        right = share if question.answer == "yes" else 1 - share
        assert found.probabilities[question.id] == pytest.approx(right, abs=1e-6)


@pytest.mark.parametrize("kind", ["blip", "llava", "blip2"])
def test_vqascore_is_the_probability_of_yes_among_all_tokens(folders, kind):
    made = model(folders[kind], ask="prompt")
    assert made.image_outputs == ("logits",) and made.query == "prompt"
    odds = made.extract_images([made.prepare_image(picture(0))], SAMPLES[:1])["logits"]
    words = {"blip": "{}", "llava": "<image> question : {} answer :", "blip2": "Question: {} Answer:"}[kind]
    p, tokens = first_token(folders[kind], picture(0), words.replace("{}", FIGURE.replace("{}", "a red dog")))
    yes = sum(float(p[i]) for i in tokens_of(tokens, ("yes", "Yes")))
    assert odds.shape == (1, 1) and float(odds.sigmoid()) == pytest.approx(yes, rel=1e-4)


def test_vilt_scores_its_own_answers(folders):
    import transformers as t

    loaded = t.ViltForQuestionAnswering.from_pretrained(folders["vilt"]).eval()
    processor = t.AutoProcessor.from_pretrained(folders["vilt"])
    made = model(folders["vilt"])
    (found,) = answers(made, (3,), SAMPLES[:1])

    def scores(text):
        with torch.no_grad():
            return loaded(**processor(images=picture(3), text=text, return_tensors="pt")).logits[0].sigmoid().tolist()

    yes, no, *_ = scores(DOG.text)
    assert found.probabilities["dog"] == pytest.approx(yes / (yes + no), abs=1e-5)
    _, _, red, blue, _ = scores(COLOUR.text)
    assert found.probabilities["colour"] == pytest.approx(red / (red + blue), abs=1e-5), "it has no word for green"
    assert found.texts["colour"] == ("red" if red > blue else "blue")
    free = scores(COUNT.text)
    assert found.texts["count"] == ["yes", "no", "red", "blue", "2"][free.index(max(free))]
    assert "count" not in found.probabilities


def test_choices_of_a_chat_model_are_as_likely_as_its_loss_says(folders):
    import transformers as t

    loaded = t.LlavaForConditionalGeneration.from_pretrained(folders["llava"]).eval()
    processor = t.AutoProcessor.from_pretrained(folders["llava"])
    choices = ("red", "blue dog", "green")
    text = f"<image> question : {COLOUR.text} Answer with one of: {', '.join(choices)}. answer :"
    logs = []
    for choice in choices:
        inputs = processor(images=picture(0), text=f"{text} {choice}", return_tensors="pt")
        many = len(choice.split())
        labels = torch.full_like(inputs["input_ids"], -100)
        labels[:, -many:] = inputs["input_ids"][:, -many:]
        with torch.no_grad():
            logs.append(-float(loaded(**inputs, labels=labels).loss) * many)
    asked = Question("q", COLOUR.text, "blue dog", choices)
    (found,) = answers(model(folders["llava"]), (0,), [Sample("s", "x", questions=(asked,))])
    assert found.texts["q"] == choices[logs.index(max(logs))]
    assert found.probabilities["q"] == pytest.approx(shares(logs)[1], abs=1e-5)


def test_choices_of_blip_are_as_likely_as_its_decoder_says(folders):
    """By the library's decoder, a token at a time."""
    import transformers as t

    loaded = t.BlipForQuestionAnswering.from_pretrained(folders["blip"]).eval()
    processor = t.AutoProcessor.from_pretrained(folders["blip"])
    inputs = processor(images=picture(0), text=COLOUR.text, return_tensors="pt")
    logs = []
    with torch.no_grad():
        seen = loaded.vision_model(pixel_values=inputs["pixel_values"])[0]
        read = loaded.text_encoder(
            input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"], encoder_hidden_states=seen
        )[0]
        for choice in COLOUR.choices:
            ids, total = [loaded.decoder_start_token_id], 0.0
            for token in [*processor.tokenizer(choice)["input_ids"][1:-1], processor.tokenizer.sep_token_id]:
                told = loaded.text_decoder(input_ids=torch.tensor([ids]), encoder_hidden_states=read).logits[0, -1]
                total += float(told.double().log_softmax(-1)[token])
                ids.append(token)
            logs.append(total)
    (found,) = answers(model(folders["blip"]), (0,), [Sample("s", "x", questions=(COLOUR,))])
    assert found.texts["colour"] == COLOUR.choices[logs.index(max(logs))]
    assert found.probabilities["colour"] == pytest.approx(shares(logs)[0], abs=1e-5)


@pytest.mark.parametrize("kind", list(MAKERS))
def test_free_answers_are_the_librarys(folders, kind):
    import transformers as t

    made = model(folders[kind], longest=5)
    (found,) = answers(made, (1,), [Sample("s", "x", questions=(COUNT,))])
    if kind == "vilt":
        assert found.texts["count"] in ("yes", "no", "red", "blue", "2")
        return
    name = json.loads((folders[kind] / "config.json").read_text())["architectures"][0]
    loaded, processor = getattr(t, name).from_pretrained(folders[kind]), t.AutoProcessor.from_pretrained(folders[kind])
    words = {**TEXTS, "blip": "{}"}[kind].replace("Please answer yes or no.", "Answer in one or a few words.")
    inputs = processor(images=picture(1), text=words.replace("{}", COUNT.text), return_tensors="pt")
    ids = loaded.eval().generate(**inputs, max_new_tokens=5, do_sample=False, num_beams=1)[0]
    ids = ids[len(inputs["input_ids"][0]) :] if kind == "llava" else ids[1:] if kind == "blip" else ids
    assert found.texts["count"] == processor.decode(ids, skip_special_tokens=True).strip(" .")


# ---- the right way round ---------------------------------------------------------------------------------------------


def test_a_model_that_always_says_yes_is_right_about_what_is_there_alone(tmp_path):
    from safetensors.torch import load_file, save_file

    folder = vilt(tmp_path / "vilt")
    state = load_file(folder / "model.safetensors")
    state["classifier.3.bias"] += torch.tensor([60.0, -60, 0, 0, 0])
    save_file(state, folder / "model.safetensors", {"format": "pt"})
    (found,) = answers(model(folder), (0,), SAMPLES[:1])
    assert found.texts["dog"] == found.texts["cat"] == "yes"
    assert found.probabilities["dog"] > 0.99 and found.probabilities["cat"] < 0.01
    odds = model(folder, ask="prompt").extract_images([picture(0)], SAMPLES[:1])["logits"]
    assert float(odds) == pytest.approx(40.0, abs=25) and math.isfinite(float(odds)) and float(odds) > 10


def test_odds_and_chance_are_inverse_and_stay_finite():
    pair, every = Asking(), Asking(ask="prompt")
    for p in (1e-9, 0.1, 0.5, 0.93, 1 - 1e-9):
        assert chance(every.odds(math.log(p), -1.0)) == pytest.approx(p, rel=1e-6)
        assert chance(pair.odds(math.log(p), math.log(1 - p))) == pytest.approx(p, rel=1e-6)
    assert chance(pair.odds(math.log(0.2), math.log(0.05))) == pytest.approx(0.8), "what is neither does not count"
    assert chance(every.odds(math.log(0.2), math.log(0.05))) == pytest.approx(0.2)
    for asking in (pair, every):
        assert math.isfinite(asking.odds(0.0, -800.0)) and math.isfinite(asking.odds(-800.0, 0.0))


def test_answers_on_paper():
    assert of_yes(DOG, 0.7) == ("yes", 0.7) and of_yes(DOG, 0.3) == ("no", 0.3)
    assert of_yes(CAT, 0.25) == ("no", 0.75) and of_yes(CAT, 0.5) == ("yes", 0.5)
    assert shares([math.log(1), math.log(2), math.log(5)]) == pytest.approx([1 / 8, 2 / 8, 5 / 8])
    assert of_choices(COLOUR, [0.2, 0.5, 0.3]) == ("blue", 0.2)
    assert [Asking().kind(q) for q in (DOG, CAT, COLOUR, COUNT)] == ["yes", "yes", "choices", "free"]
    assert Asking(choose=False).kind(COLOUR) == "free"
    assert Asking().kind(Question("q", "more?", "yes", ("yes", "no", "both"))) == "choices"


# ---- batches, identity, refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", list(MAKERS))
def test_no_neighbour_changes_a_bit_and_no_batch_size_more_than_rounding(folders, kind):
    made = model(folders[kind])
    alone = [answers(made, (i,), [s])[0] for i, s in enumerate(SAMPLES)]
    assert answers(made) == alone
    assert answers(made, (2, 1, 0), SAMPLES[::-1]) == alone[::-1]
    assert alone[2].texts == {} and len(alone[0].texts) == 4
    other = model(folders[kind], at_once=4)
    for got, one in zip(answers(other), alone, strict=True):
        assert got.texts == one.texts and got.probabilities == pytest.approx(one.probabilities, abs=1e-5)
    assert other.identity() == made.identity()


def test_images_and_questions_matter(folders):
    for folder in folders.values():
        made = model(folder)
        one, two = answers(made, (0, 1), [SAMPLES[0], SAMPLES[0]])
        assert one.probabilities != two.probabilities, folder


def test_what_is_asked_is_the_identity(folders, tmp_path):
    def identity(folder=folders["blip"], **given):
        return json.dumps(model(folder, **given).identity(), sort_keys=True)

    copy = shutil.copytree(folders["blip"], tmp_path / "copy")
    assert identity(copy, at_once=7) == identity()
    assert identity(probability="pair") == identity(), "the default in words"
    different = [identity(), identity(ask="prompt"), identity(template="is it so: {}"), identity(probability="all"),
                 identity(choose=False), identity(longest=3), identity(blip(tmp_path / "other", seed=5))]  # fmt: skip
    assert len(set(different)) == 7


def test_answers_of_another_truth_are_asked_again(folders):
    """Probabilities are of the right answer: the same words with another truth are another query."""
    eye = Eye(model(folders["blip"]), "k", "cpu", "float32", 4)
    other = Sample("a", "x", questions=(Question("dog", DOG.text, "no"),))
    assert eye.queries(Sample("a", "x", questions=(DOG,))) != eye.queries(other)


def test_the_template_stands_around_questions_of_yes_and_no_alone(folders):
    plain, changed = model(folders["blip"]), model(folders["blip"], template="please answer : {} yes or no")
    (one,), (two,) = (answers(m, (0,), SAMPLES[:1]) for m in (plain, changed))
    assert one.probabilities["dog"] != two.probabilities["dog"]
    assert one.probabilities["colour"] == two.probabilities["colour"] and one.texts["count"] == two.texts["count"]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"ask": "question"}, "Did you mean questions"), ({"probability": "odds"}, "unknown"),
        ({"template": "is it?"}, "no {} for the question"), ({"at_once": 0}, "1 or more"),
    ],
)  # fmt: skip
def test_parameters_out_of_range(given, says):
    with pytest.raises(UsageError, match=says):
        Vqa("x", **given)


def test_models_that_cannot_say_yes_are_refused(tmp_path):
    with pytest.raises(UsageError, match="know no yes and no"):
        model(vilt(tmp_path / "vilt", answers=("red", "blue", "green"))).load()

    class Mute:
        def get_vocab(self):
            return {"ja": 0, "##yes": 1, "yesterday": 2}

    with pytest.raises(UsageError, match="no token for 'yes'"):
        tokens_of(Mute(), ("yes", "Yes"))


def test_spaces_before_words_are_no_other_words():
    class Three:
        def get_vocab(self):
            return {"\u0120yes": 3, "\u2581Yes": 1, "yes": 2, "YES": 0, "##yes": 4}

    assert tokens_of(Three(), ("yes", "Yes")) == [1, 2, 3]
