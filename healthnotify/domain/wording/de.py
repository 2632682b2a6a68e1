"""German, with du. The greeting ends with a comma, so the text goes on in lower case on a new line."""

from collections.abc import Mapping
from typing import Final

from healthnotify.domain.model import Draft, Goal

TEXTS: Final[Mapping[Goal, tuple[Draft, ...]]] = {
    Goal.WALK_MORE: (
        Draft(
            "Lust auf ein paar Schritte?",
            "{greeting}\nein kleiner Spaziergang macht oft den Kopf frei. Zehn gemütliche Minuten um den Block reichen "
            "völlig, in deinem eigenen Tempo.",
        ),
        Draft(
            "Ein bisschen frische Luft",
            "{greeting}\ngibt es heute einen Weg, den du zu Fuß gehen könntest? Frische Luft ist dabei, und die "
            "Schritte kommen ganz von selbst. Ohne Eile.",
        ),
        Draft(
            "Schritt für Schritt",
            "{greeting}\nbei deinem Ziel, mehr zu gehen, stehst du bei {progress} von {target}. Schön! Jeder kleine "
            "Gang zählt, und heute darf es ruhig gemütlich sein.",
        ),
    ),
    Goal.SLEEP_EARLIER: (
        Draft(
            "Ein ruhiger Abend",
            "{greeting}\nwie wäre es heute mit einer ruhigen letzten halben Stunde: gedämpftes Licht, ein paar Seiten "
            "in einem Buch, das Handy in einem anderen Zimmer? Vielen fällt es so leichter, früher ins Bett zu gehen.",
        ),
        Draft(
            "Heute etwas früher ins Bett?",
            "{greeting}\nvielleicht ist heute ein guter Abend, um etwas früher schlafen zu gehen. Such dir eine "
            "Kleinigkeit aus, die dir guttut, zum Beispiel eine warme Dusche oder leise Musik.",
        ),
        Draft(
            "Deine Abende bisher",
            "{greeting}\nbei deinem Ziel, früher schlafen zu gehen, stehst du bei {progress} von {target}. Gut "
            "gemacht! Mit einem ruhigen Abend geht es weiter, ganz ohne Druck.",
        ),
    ),
    Goal.DRINK_WATER: (
        Draft(
            "Ein Glas Wasser",
            "{greeting}\nmit einem Glas Wasser in Reichweite denkt man leichter ans Trinken. Etwas Zitrone oder Minze "
            "macht es noch ein wenig frischer.",
        ),
        Draft(
            "Wasser in Sichtweite",
            "{greeting}\nstell dir heute einen schönen Krug mit Wasser dorthin, wo du ihn gut siehst. Ab und zu ein "
            "paar Schlucke, und schon läuft es.",
        ),
        Draft(
            "Glas für Glas",
            "{greeting}\nbeim Wassertrinken stehst du bei {progress} von {target}. Wunderbar! Wo möchtest du das "
            "nächste Glas genießen?",
        ),
    ),
    Goal.SCREEN_BREAK: (
        Draft(
            "Eine Pause für die Augen",
            "{greeting}\nschau kurz vom Bildschirm auf und lass den Blick in die Ferne wandern, zu einem Baum oder "
            "über die Dächer. Zwei ruhige Minuten reichen.",
        ),
        Draft(
            "Ein wenig Zeit ohne Bildschirm",
            "{greeting}\nwie wäre es heute mit einer Tasse Tee ganz ohne Bildschirm? Nur du, die Tasse und ein Blick "
            "aus dem Fenster.",
        ),
        Draft(
            "Deine Bildschirmpausen",
            "{greeting}\nbei deinen Bildschirmpausen stehst du bei {progress} von {target}. Schön, dass du dir diese "
            "Zeit nimmst. Die nächste kleine Pause kommt, wann es dir passt.",
        ),
    ),
    Goal.STRETCH: (
        Draft(
            "Kurz strecken",
            "{greeting}\nlass die Schultern kreisen, streck die Arme zur Decke und lass sie wieder sinken. Drei "
            "langsame Atemzüge reichen. Wenn etwas wehtut, hör einfach auf.",
        ),
        Draft(
            "Ein bisschen lockern",
            "{greeting}\nhast du eine Weile gesessen? Steh auf, streck dich sanft zu beiden Seiten und schüttle die "
            "Hände aus. Nur so weit, wie es sich gut anfühlt.",
        ),
        Draft(
            "Dehnen, Stück für Stück",
            "{greeting}\nbeim Dehnen stehst du bei {progress} von {target}. Gut gemacht! Ein paar sanfte Bewegungen "
            "zwischendurch sind auch heute willkommen.",
        ),
    ),
    Goal.MINDFULNESS: (
        Draft(
            "Drei ruhige Atemzüge",
            "{greeting}\nleg für einen Moment alles aus der Hand und atme dreimal langsam ein und aus. Nichts muss "
            "gelingen. Danach geht es in deinem Tempo weiter.",
        ),
        Draft(
            "Eine Minute Ruhe",
            "{greeting}\nwas hörst du gerade? Lausche eine Minute lang, ohne etwas davon zu bewerten. So eine kleine "
            "Pause passt in fast jeden Tag.",
        ),
        Draft(
            "Deine ruhigen Momente",
            "{greeting}\nbei deinen ruhigen Momenten stehst du bei {progress} von {target}. Wie schön! Vielleicht "
            "findet sich heute wieder ein stilles Plätzchen dafür.",
        ),
    ),
    Goal.EAT_WELL: (
        Draft(
            "Etwas Buntes auf dem Teller",
            "{greeting}\nist heute Platz für etwas mehr Farbe auf deinem Teller? Eine Handvoll Gemüse oder ein Stück "
            "Obst, das du gern magst, ist ein guter Anfang.",
        ),
        Draft(
            "Eine Mahlzeit ohne Eile",
            "{greeting}\ngönn dir heute eine Mahlzeit ganz in Ruhe. Setz dich hin, koste jeden Bissen aus und genieße "
            "es. Es darf etwas sein, das du gern isst.",
        ),
        Draft(
            "Gut essen, auf deine Art",
            "{greeting}\nbei deinem Ziel, gut zu essen, stehst du bei {progress} von {target}. Prima! Auf welches "
            "Gericht hättest du als Nächstes Lust?",
        ),
    ),
    Goal.CHECKUP: (
        Draft(
            "Steht eine Vorsorge an?",
            "{greeting}\nein Vorsorgetermin ist schnell aufgeschoben, und es ist ein gutes Gefühl, ihn hinter sich zu "
            "haben. Vielleicht ist heute ein guter Tag, um in deiner Hausarztpraxis nach einem passenden Termin zu "
            "fragen.",
        ),
        Draft(
            "Fragen für die nächste Vorsorge",
            "{greeting}\nfalls bald ein Vorsorgetermin ansteht: Schreib dir die Fragen auf, die du stellen möchtest. "
            "Mit einer kurzen Liste in der Tasche spricht es sich leichter.",
        ),
        Draft(
            "Deine Vorsorge",
            "{greeting}\nbei deinen geplanten Vorsorgeterminen stehst du bei {progress} von {target}. Gut, dass du "
            "dich darum kümmerst. Den nächsten Termin legst du, wie es dir passt.",
        ),
    ),
}
