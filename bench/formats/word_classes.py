"""Classes of words by a spaCy pipeline that the user names (extra `tagger`): which are nouns and adjectives.

spaCy is imported when a pipeline is asked for and never else. A pipeline is an installed package (en_core_web_sm) or a
folder that `nlp.to_disk` wrote; nothing is downloaded.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Iterator
from typing import Any

from bench.errors import DataError, UsageError

NOUNS, ADJECTIVES = frozenset({"NN", "NNS", "NNP", "NNPS"}), frozenset({"JJ", "JJR", "JJS"})
"""Penn Treebank's tags, as ARO asks for them (dataset_zoo/perturbations.py)."""
_NOT_NEEDED = ("parser", "ner", "lemmatizer", "senter")

Tagged = list[tuple[str, str]]
"""Words with their fine-grained tags."""


class Tagger:
    """A loaded pipeline. UsageError where there is no spaCy or no such pipeline."""

    def __init__(self, named: str) -> None:
        if importlib.util.find_spec("spacy") is None:
            raise UsageError(f"tagger={named} needs the package spacy: pip install 'text-image-bench[tagger]'.")
        import spacy

        try:
            self._nlp: Any = spacy.load(named)
        except Exception as error:  # a folder may be anything, and what its parts raise anything too
            said = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
            raise UsageError(
                f"tagger={named} is no pipeline that spaCy can load ({said[:160].rstrip('. ')}): give the name of an "
                "installed one (python -m spacy download en_core_web_sm), or the folder of one."
            ) from None
        self._nlp.select_pipes(disable=[name for name in _NOT_NEEDED if name in self._nlp.pipe_names])
        self.used = False
        """Whether it has told the class of a word."""

    @property
    def title(self) -> str:
        """Its name and version, without where it lies."""
        meta = self._nlp.meta
        return f"{meta['lang']}_{meta['name']} {meta['version']}"

    def of(self, texts: Iterable[str]) -> Iterator[Tagged]:
        """Each text's words in order. DataError where the first text that has a word has no tag at all."""
        for doc in self._nlp.pipe(texts):
            words = [(token.text, token.tag_) for token in doc if not token.is_space]
            if words and not self.used:
                self.used = any(tag for _, tag in words)
                if not self.used:
                    raise DataError(
                        f"The pipeline {self.title} says no class of any word of '{doc.text[:60]}'; give one with a "
                        "tagger, such as en_core_web_sm."
                    )
            yield words
