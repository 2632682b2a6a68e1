"""Spanish, with tú. The greeting ends with a colon and the text begins in capitals on a new line."""

from collections.abc import Mapping
from typing import Final

from healthnotify.domain.model import Draft, Goal

TEXTS: Final[Mapping[Goal, tuple[Draft, ...]]] = {
    Goal.WALK_MORE: (
        Draft(
            "Un paseo corto, si te apetece",
            "{greeting}\nUn paseo corto ayuda muchas veces a despejar la cabeza. Diez minutos tranquilos alrededor de "
            "la manzana bastan, a tu propio ritmo.",
        ),
        Draft(
            "Un poco de aire fresco",
            "{greeting}\n¿Hay algún recado que puedas hacer hoy a pie? Un poco de aire fresco por el camino, y los "
            "pasos llegan solos. Sin prisa.",
        ),
        Draft(
            "Paso a paso",
            "{greeting}\nLlevas {progress} de {target} en tu objetivo de caminar más. ¡Muy bien! Cada paseo suma, y el "
            "de hoy puede ser todo lo tranquilo que quieras.",
        ),
    ),
    Goal.SLEEP_EARLIER: (
        Draft(
            "Un final de día en calma",
            "{greeting}\n¿Qué tal una última media hora tranquila esta noche? Luz suave, unas páginas de un libro y el "
            "teléfono en otra habitación. A muchas personas así les cuesta menos acostarse antes.",
        ),
        Draft(
            "¿Hoy un poco antes a la cama?",
            "{greeting}\nQuizá esta noche sea un buen momento para acostarte un poco antes. Elige algo pequeño que te "
            "relaje, como una ducha tibia o música suave.",
        ),
        Draft(
            "Tus noches hasta ahora",
            "{greeting}\nLlevas {progress} de {target} en tu objetivo de acostarte antes. ¡Buen trabajo! Una noche "
            "tranquila es una bonita manera de seguir, sin presiones.",
        ),
    ),
    Goal.DRINK_WATER: (
        Draft(
            "Un vaso de agua",
            "{greeting}\nCon un vaso de agua a mano es más fácil acordarse de beber. Unas hojas de menta o un poco de "
            "limón le dan todavía más frescura.",
        ),
        Draft(
            "El agua, a la vista",
            "{greeting}\nPon hoy una jarra de agua bonita donde puedas verla bien. Unos sorbos de vez en cuando, y ya "
            "está.",
        ),
        Draft(
            "Vaso a vaso",
            "{greeting}\nLlevas {progress} de {target} en tu objetivo de beber agua. ¡Qué bien! ¿Dónde te gustaría "
            "disfrutar del próximo vaso?",
        ),
    ),
    Goal.SCREEN_BREAK: (
        Draft(
            "Un descanso para los ojos",
            "{greeting}\nLevanta la vista de la pantalla y deja que los ojos se vayan lejos, a un árbol o a los "
            "tejados. Con dos minutos tranquilos basta.",
        ),
        Draft(
            "Un rato sin pantalla",
            "{greeting}\n¿Qué tal hoy una taza de té sin ninguna pantalla al lado? Solo tú, la taza y la ventana.",
        ),
        Draft(
            "Tus pausas sin pantalla",
            "{greeting}\nLlevas {progress} de {target} en tus pausas sin pantalla. Qué bien que te regales ese tiempo. "
            "La próxima, cuando a ti te venga bien.",
        ),
    ),
    Goal.STRETCH: (
        Draft(
            "Un momento para estirarte",
            "{greeting}\nGira los hombros, lleva los brazos hacia el techo y déjalos bajar despacio. Tres "
            "respiraciones lentas bastan. Si algo te duele, para sin más.",
        ),
        Draft(
            "Suelta un poco el cuerpo",
            "{greeting}\n¿Llevas un buen rato en la silla? Ponte de pie, estírate con suavidad hacia los dos lados y "
            "sacude las manos. Solo hasta donde te resulte agradable.",
        ),
        Draft(
            "Estirarte, poco a poco",
            "{greeting}\nLlevas {progress} de {target} en tu objetivo de estirarte. ¡Bien hecho! Hoy también vienen "
            "bien unos movimientos suaves entre una cosa y otra.",
        ),
    ),
    Goal.MINDFULNESS: (
        Draft(
            "Tres respiraciones tranquilas",
            "{greeting}\nDeja todo a un lado por un momento y respira despacio tres veces. No hay nada que lograr. "
            "Después sigue a tu ritmo.",
        ),
        Draft(
            "Un minuto de calma",
            "{greeting}\n¿Qué oyes ahora mismo? Escucha durante un minuto sin juzgar nada. Una pausa así cabe en casi "
            "cualquier día.",
        ),
        Draft(
            "Tus momentos de calma",
            "{greeting}\nLlevas {progress} de {target} en tus momentos de calma. ¡Qué bonito! Quizá hoy encuentres "
            "otra vez un rincón tranquilo.",
        ),
    ),
    Goal.EAT_WELL: (
        Draft(
            "Algo de color en el plato",
            "{greeting}\n¿Hay sitio hoy para un poco más de color en tu plato? Un puñado de verduras o una fruta que "
            "te guste mucho es un buen comienzo.",
        ),
        Draft(
            "Una comida sin prisa",
            "{greeting}\nRegálate hoy una comida sin prisa. Siéntate, saborea cada bocado y disfruta. Puede ser "
            "cualquier plato rico que te guste.",
        ),
        Draft(
            "Comer bien, a tu manera",
            "{greeting}\nLlevas {progress} de {target} en tu objetivo de comer bien. ¡Estupendo! ¿Qué plato te "
            "gustaría preparar la próxima vez?",
        ),
    ),
    Goal.CHECKUP: (
        Draft(
            "¿Tienes pendiente una revisión?",
            "{greeting}\nUna revisión se deja fácilmente para más tarde, y da gusto tenerla hecha. Quizá hoy sea un "
            "buen día para pedir en tu centro de salud una cita que te venga bien.",
        ),
        Draft(
            "Preguntas para tu próxima revisión",
            "{greeting}\nSi tienes una revisión a la vista, apunta las preguntas que te gustaría hacer. Con una lista "
            "corta en el bolsillo se habla con más calma.",
        ),
        Draft(
            "Tus revisiones",
            "{greeting}\nLlevas {progress} de {target} en las revisiones que tenías previstas. Qué bien que te ocupes "
            "de ello. Elige la próxima fecha como a ti te convenga.",
        ),
    ),
}
