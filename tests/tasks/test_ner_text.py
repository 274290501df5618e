"""Words of a raw text: divided as tagged corpora divide them, none lost, places kept."""

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from minibert.tasks.ner.reading import read_sentences
from minibert.tasks.ner.schemes import entities_of
from minibert.tasks.ner.text import joined, split

PERSIAN = "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"  # with a joint of no width


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("She left.", "She left ."),
        ('"Goodbye, São Paulo!"', '" Goodbye , São Paulo ! "'),
        ("the U.S. and F.C. Porto", "the U.S. and F.C. Porto"),
        ("J. Smith-Jones met J. S. Bach.", "J. Smith-Jones met J. S. Bach ."),
        ("It was plan B. then", "It was plan B . then"),
        ("Coca-Cola's AT&T; O'Neill\u2019s", "Coca-Cola 's AT&T ; O'Neill \u2019s"),
        ("JAMES'S dogs' 'tis isn't", "JAMES 'S dogs ' ' tis isn't"),
        ("1,000.5 at 2:30, 3:x", "1,000.5 at 2:30 , 3 : x"),
        ("Rome,Paris:Bern 10% $5", "Rome , Paris : Bern 10 % $ 5"),
        ("well--known ... end..", "well -- known ... end .."),
        ("(a/b) [c_d]", "( a/b ) [ c _ d ]"),
        ("東京とローマ", "東 京 とローマ"),
        ("cafe\u0301 e\u0301.\u0301", "cafe\u0301 e\u0301 .\u0301"),
        (PERSIAN, PERSIAN),
        ("👨\u200d👩\u200d👧 #️⃣ 1️⃣ 🇮🇹", "👨\u200d👩\u200d👧 #️⃣ 1️⃣ 🇮🇹"),
        ("a\x07 \x00 b\tc\nd\u00a0e", "a b c d e"),
        ("", ""),
        (" \n\x00", ""),
    ],
)
def test_words_by_hand(text, words):
    assert split(text).words == tuple(words.split())


LETTERS = "aZ.,'\u2019-&:/1 \n\t\u00a0\x07\u200d\u0301é東とß#️👨\U0001f469"


@given(st.text(LETTERS, max_size=20) | st.text(max_size=20))
@example("A." * 5 + " A")
def test_every_visible_character_is_in_one_word(text):
    found = split(text)
    assert found.text == text
    end_before = 0
    for word, start, end in zip(*found[1:], strict=True):
        assert text[start:end] == word
        assert start < end
        between = text[end_before:start]
        assert all(c.isspace() or unicodedata.category(c)[0] == "C" for c in between)
        end_before = end
    rest = text[end_before:]
    assert all(c.isspace() or unicodedata.category(c)[0] == "C" for c in rest)
    assert not any(c.isspace() for word in found.words for c in word)


@given(st.lists(st.text(min_size=1, max_size=4), max_size=5))
def test_words_of_a_file_stand_in_their_text(words):
    text = joined(words)
    assert text.text == " ".join(words)
    assert text.words == tuple(words)
    places = zip(text.starts, text.ends, strict=True)
    assert [text.text[start:end] for start, end in places] == words


@pytest.mark.real
def test_nearly_all_names_of_conll_2003_come_out_as_they_are_divided_there(real_data):
    """Measured: 99.7 % of the words of its entities; of BERT's own division 95.4 %."""
    whole = count = 0
    for sentence in read_sentences(real_data / "conll2003" / "eng.testa"):
        text = joined(sentence.words)
        found = split(text.text)
        places = set(zip(found.starts, found.ends, strict=True))
        for _, first, last in entities_of(sentence.tags):
            for word in range(first, last + 1):
                count += 1
                whole += (text.starts[word], text.ends[word]) in places
    assert count == 8603
    assert whole / count > 0.995
