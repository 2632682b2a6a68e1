"""French, with tu. The greeting ends with a comma and the text begins in capitals on a new line."""

import re
from collections.abc import Mapping
from typing import Final

from healthnotify.domain.model import Draft, Goal

NO_BREAK: Final = "\N{NO-BREAK SPACE}"


def _set(subject: str, text: str) -> Draft:
    """The space before ? ! : must not break; written plain below, because nobody sees the difference in a source."""
    return Draft(*(re.sub(r" (?=[?!:;])", NO_BREAK, part) for part in (subject, text)))


TEXTS: Final[Mapping[Goal, tuple[Draft, ...]]] = {
    Goal.WALK_MORE: (
        _set(
            "Une petite marche, si tu en as envie",
            "{greeting}\nUne petite marche aide souvent à se changer les idées. Dix minutes tranquilles autour du pâté "
            "de maisons suffisent, à ton propre rythme.",
        ),
        _set(
            "Un peu d’air frais",
            "{greeting}\nY a-t-il une course que tu pourrais faire à pied aujourd’hui ? Un peu d’air frais en chemin, "
            "et les pas viennent tout seuls. Rien ne presse.",
        ),
        _set(
            "Pas à pas",
            "{greeting}\nTu en es à {progress} sur {target} pour ton objectif de marche. Bravo ! Chaque petite balade "
            "compte, et celle d’aujourd’hui peut être toute douce.",
        ),
    ),
    Goal.SLEEP_EARLIER: (
        _set(
            "Une fin de journée en douceur",
            "{greeting}\nEt si la dernière demi-heure de ce soir était calme : une lumière douce, quelques pages d’un "
            "livre, le téléphone dans une autre pièce ? Beaucoup trouvent ainsi plus facile de se coucher plus tôt.",
        ),
        _set(
            "Un peu plus tôt au lit ce soir ?",
            "{greeting}\nCe soir serait peut-être un bon soir pour te coucher un peu plus tôt. Choisis une petite "
            "chose qui t’apaise, comme une douche tiède ou une musique douce.",
        ),
        _set(
            "Tes soirées jusqu’ici",
            "{greeting}\nTu en es à {progress} sur {target} pour ton objectif de te coucher plus tôt. Bien joué ! Une "
            "soirée calme est une jolie façon de continuer, sans pression.",
        ),
    ),
    Goal.DRINK_WATER: (
        _set(
            "Un verre d’eau",
            "{greeting}\nAvec un verre d’eau à portée de main, on pense plus facilement à boire. Une feuille de menthe "
            "ou un peu de citron, et c’est encore plus frais.",
        ),
        _set(
            "De l’eau bien en vue",
            "{greeting}\nPose aujourd’hui une jolie carafe d’eau là où tu la vois bien. Quelques gorgées de temps en "
            "temps, et le tour est joué.",
        ),
        _set(
            "Verre après verre",
            "{greeting}\nTu en es à {progress} sur {target} pour ton objectif de boire de l’eau. C’est bien ! Où "
            "aimerais-tu savourer le prochain verre ?",
        ),
    ),
    Goal.SCREEN_BREAK: (
        _set(
            "Une pause pour les yeux",
            "{greeting}\nLève les yeux de l’écran et laisse ton regard partir au loin, vers un arbre ou les toits. "
            "Deux minutes tranquilles suffisent.",
        ),
        _set(
            "Un moment sans écran",
            "{greeting}\nEt si tu prenais aujourd’hui une tasse de thé sans écran à côté ? Juste toi, la tasse et la "
            "fenêtre.",
        ),
        _set(
            "Tes pauses sans écran",
            "{greeting}\nTu en es à {progress} sur {target} pour tes pauses sans écran. Quelle bonne idée de t’offrir "
            "ce temps ! La prochaine viendra quand cela te conviendra.",
        ),
    ),
    Goal.STRETCH: (
        _set(
            "Un instant pour t’étirer",
            "{greeting}\nFais rouler tes épaules, tends les bras vers le plafond, puis laisse-les redescendre. Trois "
            "respirations lentes suffisent. Si quelque chose fait mal, arrête tout simplement.",
        ),
        _set(
            "Un peu de souplesse",
            "{greeting}\nUn long moment sur ta chaise ? Lève-toi, étire-toi doucement des deux côtés et secoue les "
            "mains. Seulement tant que c’est agréable.",
        ),
        _set(
            "S’étirer, petit à petit",
            "{greeting}\nTu en es à {progress} sur {target} pour tes étirements. Bravo ! Quelques gestes doux entre "
            "deux activités sont les bienvenus aujourd’hui aussi.",
        ),
    ),
    Goal.MINDFULNESS: (
        _set(
            "Trois respirations calmes",
            "{greeting}\nPose tout un instant et respire lentement trois fois. Il n’y a rien à réussir. Reprends "
            "ensuite à ton rythme.",
        ),
        _set(
            "Une minute de calme",
            "{greeting}\nQu’entends-tu en ce moment ? Écoute pendant une minute, sans rien juger. Une petite pause "
            "comme celle-ci trouve sa place dans presque toutes les journées.",
        ),
        _set(
            "Tes moments de calme",
            "{greeting}\nTu en es à {progress} sur {target} pour tes moments de calme. C’est beau ! Un coin tranquille "
            "t’attend peut-être encore aujourd’hui.",
        ),
    ),
    Goal.EAT_WELL: (
        _set(
            "De la couleur dans l’assiette",
            "{greeting}\nY a-t-il de la place pour un peu plus de couleur dans ton assiette aujourd’hui ? Une poignée "
            "de légumes ou un fruit que tu aimes vraiment, c’est un bon début.",
        ),
        _set(
            "Un repas sans se presser",
            "{greeting}\nOffre-toi aujourd’hui un repas sans te presser. Assieds-toi, savoure chaque bouchée et "
            "profite. N’importe quel bon plat que tu aimes fera l’affaire.",
        ),
        _set(
            "Bien manger, à ta façon",
            "{greeting}\nTu en es à {progress} sur {target} pour ton objectif de bien manger. Super ! Quel plat "
            "aurais-tu envie de cuisiner la prochaine fois ?",
        ),
    ),
    Goal.CHECKUP: (
        _set(
            "Un bilan de santé à prévoir ?",
            "{greeting}\nUn bilan de santé se remet facilement à plus tard, et c’est agréable quand c’est fait. "
            "Aujourd’hui est peut-être un bon jour pour demander à ton centre de santé une date qui te convient.",
        ),
        _set(
            "Des questions pour ton prochain bilan",
            "{greeting}\nSi un bilan de santé est prévu, note les questions que tu aimerais poser. Avec une petite "
            "liste en poche, on parle plus facilement.",
        ),
        _set(
            "Tes bilans de santé",
            "{greeting}\nTu en es à {progress} sur {target} pour les bilans que tu as prévus. C’est bien de t’en "
            "occuper. Choisis la prochaine date comme cela t’arrange.",
        ),
    ),
}
