"""What the stand-in model can say: ideas, progress and closing words in four languages, to be put together.

Its own wording, not the reviewed templates: a reader of the demo shall see which of the two spoke.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Tongue:
    """One language's words, by goal, bucket of progress and tone."""

    subjects: Mapping[str, tuple[str, ...]]
    ideas: Mapping[str, tuple[str, ...]]
    progress: Mapping[str, tuple[str, ...]]
    closings: Mapping[str, tuple[str, ...]]  #: by tone; `warm` is for every tone that is not here


ENGLISH: Final = Tongue(
    subjects={
        "walk_more": ("Out for a bit?", "A little round outside", "Your walk today"),
        "sleep_earlier": ("A softer evening", "Winding down", "Early to bed, gently"),
        "drink_water": ("Cheers, with water", "A sip for in between", "Your glass of water"),
        "screen_break": ("Eyes up for a moment", "A breather from the screen", "Look out of the window"),
        "stretch": ("A stretch between two tasks", "Shoulders down", "Room to move"),
        "mindfulness": ("A breath for yourself", "A small quiet moment", "Just this minute"),
        "eat_well": ("Something fresh today", "Colours for lunch", "Good food, good mood"),
        "checkup": ("Thinking of a check-up?", "A date for your check-up", "One thing for your calendar"),
    },
    ideas={
        "walk_more": (
            "Take the long way to the shop today and look at what has changed along the street.",
            "A ten-minute stroll after the meal is a nice way to stretch your legs.",
            "If you are on the phone today, you might walk up and down while you listen.",
        ),
        "sleep_earlier": (
            "Dim the lights a little sooner tonight and see how that feels.",
            "A cup of herbal tea and a few pages of a book make a good ending for the day.",
            "Try putting the phone to bed before you go yourself.",
        ),
        "drink_water": (
            "Put a glass next to the place where you spend most of the day.",
            "A slice of lemon or some mint turns plain water into a small treat.",
            "Each time you stand up, you could take a sip on the way.",
        ),
        "screen_break": (
            "Let your eyes rest on something green or far away for a minute.",
            "Take the next cup of tea at the window instead of at the screen.",
            "Between two tasks, get up and look around the room once.",
        ),
        "stretch": (
            "Reach for the ceiling, then let your arms sink slowly.",
            "Circle your shoulders a few times, first forwards, then backwards.",
            "Stand up and stretch like a cat after a nap, as far as it feels good.",
        ),
        "mindfulness": (
            "Close your eyes for three breaths and notice how the air comes and goes.",
            "Listen to the sounds around you for a minute without naming them.",
            "Feel both feet on the floor before you begin the next thing.",
        ),
        "eat_well": (
            "Add one colour to your plate today, whichever you like best.",
            "A handful of nuts or a piece of fruit makes a fine snack.",
            "Perhaps there is an old favourite that you could cook again.",
        ),
        "checkup": (
            "A check-up is a good occasion to ask what you have always wanted to know.",
            "You could look up today when your health centre is open.",
            "Write down one question for your next check-up while you think of it.",
        ),
    },
    progress={
        "none": ("Every day is a good day to begin.", "A small start is a start."),
        "started": ("You have made a start: {progress} of {target}.", "{progress} of {target} already, {name}."),
        "halfway": ("You are at {progress} of {target}, well on your way.", "Look: {progress} of {target}."),
        "nearly": ("You are at {progress} of {target}, nearly there.", "Only a little to go: {progress} of {target}."),
        "reached": ("You are at {progress} of {target}. What a nice sight!", "{progress} of {target}: you did it."),
    },
    closings={
        "warm": ("Take good care of yourself.", "Be kind to yourself today.", "All in your own time."),
        "playful": ("Your socks would approve. 😊", "Bonus points for a smile.", "Ready when you are!"),
        "plain": ("That is all for today.", "As it suits you.", "A little is plenty."),
    },
)

GERMAN: Final = Tongue(
    subjects={
        "walk_more": ("Kurz nach draußen?", "Eine kleine Runde", "Dein Spaziergang heute"),
        "sleep_earlier": ("Ein sanfter Abend", "Langsam herunterfahren", "Früher ins Bett, ganz in Ruhe"),
        "drink_water": ("Zum Wohl, mit Wasser", "Ein Schluck zwischendurch", "Dein Glas Wasser"),
        "screen_break": ("Kurz den Blick heben", "Durchatmen ohne Bildschirm", "Ein Blick aus dem Fenster"),
        "stretch": ("Strecken zwischen zwei Aufgaben", "Schultern locker lassen", "Platz für Bewegung"),
        "mindfulness": ("Ein Atemzug für dich", "Ein kleiner stiller Moment", "Nur diese eine Minute"),
        "eat_well": ("Etwas Frisches heute", "Farbe fürs Mittagessen", "Gutes Essen, gute Laune"),
        "checkup": ("Schon an die Vorsorge gedacht?", "Ein Termin für die Vorsorge", "Eine Sache für den Kalender"),
    },
    ideas={
        "walk_more": (
            "nimm heute den längeren Weg zum Laden und schau, was sich in der Straße verändert hat.",
            "zehn Minuten Bummeln nach dem Essen sind eine schöne Art, die Beine zu vertreten.",
            "beim Telefonieren kannst du heute ein wenig auf und ab gehen.",
        ),
        "sleep_earlier": (
            "dimm das Licht heute etwas früher und schau, wie sich das anfühlt.",
            "eine Tasse Kräutertee und ein paar Seiten im Buch sind ein guter Schluss für den Tag.",
            "bring heute das Handy zuerst ins Bett, am besten in ein anderes Zimmer.",
        ),
        "drink_water": (
            "stell ein Glas dorthin, wo du heute die meiste Zeit bist.",
            "eine Scheibe Zitrone oder etwas Minze macht aus Wasser eine kleine Freude.",
            "jedes Mal, wenn du aufstehst, passt ein Schluck Wasser dazu.",
        ),
        "screen_break": (
            "lass die Augen eine Minute lang auf etwas Grünem oder Fernem ruhen.",
            "trink den nächsten Tee am Fenster statt am Bildschirm.",
            "steh zwischen zwei Aufgaben auf und sieh dich einmal im Zimmer um.",
        ),
        "stretch": (
            "greif nach der Decke und lass die Arme dann langsam sinken.",
            "lass die Schultern ein paarmal kreisen, erst nach vorn, dann nach hinten.",
            "steh auf und streck dich wie eine Katze nach dem Schlaf, so weit es guttut.",
        ),
        "mindfulness": (
            "schließ für drei Atemzüge die Augen und spür, wie die Luft kommt und geht.",
            "hör eine Minute lang auf die Geräusche um dich, ohne sie zu benennen.",
            "spür beide Füße auf dem Boden, bevor du das Nächste beginnst.",
        ),
        "eat_well": (
            "gib deinem Teller heute eine Farbe dazu, die du besonders magst.",
            "eine Handvoll Nüsse oder ein Stück Obst ist ein feiner Imbiss.",
            "vielleicht gibt es ein altes Lieblingsgericht, das du wieder einmal kochen magst.",
        ),
        "checkup": (
            "die Vorsorge ist eine gute Gelegenheit, das zu fragen, was du schon lange wissen willst.",
            "vielleicht schaust du heute nach, wann deine Hausarztpraxis geöffnet hat.",
            "schreib dir eine Frage für die nächste Vorsorge auf, solange du daran denkst.",
        ),
    },
    progress={
        "none": ("Jeder Tag ist ein guter Tag für den Anfang.", "Ein kleiner Anfang ist ein Anfang."),
        "started": ("Der Anfang ist gemacht: {progress} von {target}.", "Schon {progress} von {target}, {name}."),
        "halfway": ("Du bist bei {progress} von {target}, mitten auf dem Weg.", "Sieh mal: {progress} von {target}."),
        "nearly": ("Du bist bei {progress} von {target}, fast am Ziel.", "Fast geschafft: {progress} von {target}."),
        "reached": ("Du bist bei {progress} von {target}. Ein schöner Anblick!", "{progress} von {target}: geschafft."),
    },
    closings={
        "warm": ("Pass gut auf dich auf.", "Sei heute freundlich zu dir.", "Alles in deinem Tempo."),
        "playful": ("Deine Socken wären dafür. 😊", "Ein Lächeln darf gern mit.", "Bereit, wenn du es bist!"),
        "plain": ("Das ist schon alles.", "Wie es dir passt.", "Ein wenig reicht."),
    },
)

SPANISH: Final = Tongue(
    subjects={
        "walk_more": ("¿Salimos un poco?", "Una vuelta corta", "Tu paseo de hoy"),
        "sleep_earlier": ("Una noche más suave", "Bajar el ritmo", "A la cama antes, con calma"),
        "drink_water": ("¡Salud, con agua!", "Un sorbo entre horas", "Tu vaso de agua"),
        "screen_break": ("Levanta un momento la vista", "Un respiro sin pantalla", "Mira por la ventana"),
        "stretch": ("Un estiramiento entre tareas", "Hombros relajados", "Espacio para moverse"),
        "mindfulness": ("Una respiración para ti", "Un momento de silencio", "Solo este minuto"),
        "eat_well": ("Algo fresco para hoy", "Colores en la comida", "Buena comida, buen humor"),
        "checkup": ("¿Piensas en una revisión?", "Una fecha para tu revisión", "Una nota para tu agenda"),
    },
    ideas={
        "walk_more": (
            "Hoy puedes ir a la tienda por el camino largo y mirar qué ha cambiado en la calle.",
            "Un paseo de diez minutos después de comer es una buena manera de estirar las piernas.",
            "Si hablas por teléfono, puedes caminar de un lado a otro mientras escuchas.",
        ),
        "sleep_earlier": (
            "Baja las luces un poco antes esta noche y mira qué tal te sienta.",
            "Una infusión y unas páginas de un libro son un buen final para el día.",
            "Prueba a dejar el teléfono en otra habitación antes de acostarte.",
        ),
        "drink_water": (
            "Pon un vaso en el sitio donde pasas la mayor parte del día.",
            "Una rodaja de limón o un poco de menta convierte el agua en un pequeño placer.",
            "Cada vez que te levantes, puedes tomar un sorbo por el camino.",
        ),
        "screen_break": (
            "Deja descansar los ojos un minuto en algo verde o lejano.",
            "Toma el próximo té junto a la ventana y no delante de la pantalla.",
            "Entre dos tareas, ponte de pie y mira un momento a tu alrededor.",
        ),
        "stretch": (
            "Alarga los brazos hacia el techo y bájalos despacio.",
            "Haz unos círculos con los hombros, primero hacia delante y luego hacia atrás.",
            "Ponte de pie y estírate como un gato después de la siesta, hasta donde te resulte agradable.",
        ),
        "mindfulness": (
            "Cierra los ojos durante tres respiraciones y nota cómo entra y sale el aire.",
            "Escucha un minuto los sonidos que te rodean, sin ponerles nombre.",
            "Siente los dos pies en el suelo antes de empezar lo siguiente.",
        ),
        "eat_well": (
            "Añade hoy un color a tu plato, el que más te guste.",
            "Un puñado de nueces o una fruta es una merienda estupenda.",
            "Quizá haya una receta de siempre que te apetezca volver a cocinar.",
        ),
        "checkup": (
            "Una revisión es una buena ocasión para preguntar lo que siempre has querido saber.",
            "Hoy podrías mirar cuándo abre tu centro de salud.",
            "Apunta una pregunta para tu próxima revisión mientras la tienes en mente.",
        ),
    },
    progress={
        "none": ("Cualquier día es bueno para empezar.", "Un comienzo pequeño ya es un comienzo."),
        "started": ("Ya has empezado: {progress} de {target}.", "Ya llevas {progress} de {target}, {name}."),
        "halfway": ("Llevas {progress} de {target}, vas por buen camino.", "Mira: {progress} de {target}."),
        "nearly": ("Llevas {progress} de {target}, ya casi está.", "Falta muy poco: {progress} de {target}."),
        "reached": ("Llevas {progress} de {target}. ¡Qué alegría verlo!", "{progress} de {target}: conseguido."),
    },
    closings={
        "warm": ("Cuídate mucho.", "Trátate hoy con cariño.", "Todo a tu ritmo."),
        "playful": ("Tus calcetines estarían a favor. 😊", "Una sonrisa también suma.", "¡Cuando quieras!"),
        "plain": ("Eso es todo por hoy.", "Como mejor te venga.", "Con un poco basta."),
    },
)

FRENCH: Final = Tongue(
    subjects={
        "walk_more": ("Un petit tour dehors ?", "Une petite boucle", "Ta balade du jour"),
        "sleep_earlier": ("Une soirée plus douce", "Ralentir doucement", "Au lit plus tôt, sans effort"),
        "drink_water": ("Santé, avec de l’eau !", "Une gorgée entre deux", "Ton verre d’eau"),
        "screen_break": ("Lève un instant les yeux", "Une pause loin de l’écran", "Regarde par la fenêtre"),
        "stretch": ("S’étirer entre deux tâches", "Les épaules relâchées", "De la place pour bouger"),
        "mindfulness": ("Une respiration pour toi", "Un petit moment de silence", "Juste cette minute"),
        "eat_well": ("Quelque chose de frais", "Des couleurs au déjeuner", "Bien manger, bonne humeur"),
        "checkup": ("Et ton bilan de santé ?", "Une date pour ton bilan", "Une note dans ton agenda"),
    },
    ideas={
        "walk_more": (
            "Prends le chemin le plus long pour aller au magasin et regarde ce qui a changé dans la rue.",
            "Une balade de dix minutes après le repas est une bonne façon de se dégourdir les jambes.",
            "Si tu es au téléphone aujourd’hui, tu peux marcher un peu tout en écoutant.",
        ),
        "sleep_earlier": (
            "Baisse un peu les lumières ce soir et vois ce que cela change.",
            "Une tisane et quelques pages d’un livre font une belle fin de journée.",
            "Essaie de laisser le téléphone dans une autre pièce avant de te coucher.",
        ),
        "drink_water": (
            "Pose un verre là où tu passes la plus grande partie de la journée.",
            "Une rondelle de citron ou un peu de menthe fait de l’eau un petit plaisir.",
            "Chaque fois que tu te lèves, tu peux boire une gorgée en chemin.",
        ),
        "screen_break": (
            "Laisse tes yeux se reposer une minute sur quelque chose de vert ou de lointain.",
            "Prends ton prochain thé près de la fenêtre plutôt que devant l’écran.",
            "Entre deux tâches, lève-toi et regarde un instant autour de toi.",
        ),
        "stretch": (
            "Tends les bras vers le plafond, puis laisse-les redescendre lentement.",
            "Fais quelques cercles avec les épaules, d’abord vers l’avant, puis vers l’arrière.",
            "Lève-toi et étire-toi comme un chat après la sieste, tant que c’est agréable.",
        ),
        "mindfulness": (
            "Ferme les yeux le temps de trois respirations et sens l’air qui va et vient.",
            "Écoute une minute les sons autour de toi, sans leur donner de nom.",
            "Sens tes deux pieds sur le sol avant de commencer la suite.",
        ),
        "eat_well": (
            "Ajoute aujourd’hui une couleur à ton assiette, celle que tu préfères.",
            "Une poignée de noix ou un fruit fait un très bon goûter.",
            "Il y a peut-être une vieille recette que tu aimerais refaire.",
        ),
        "checkup": (
            "Un bilan de santé est une bonne occasion de poser les questions que tu gardes depuis longtemps.",
            "Tu pourrais regarder aujourd’hui quand ton centre de santé est ouvert.",
            "Note une question pour ton prochain bilan pendant que tu y penses.",
        ),
    },
    progress={
        "none": ("Chaque jour est bon pour commencer.", "Un petit début est déjà un début."),
        "started": ("C’est parti : {progress} sur {target}.", "Déjà {progress} sur {target}, {name}."),
        "halfway": ("Tu en es à {progress} sur {target}, en bonne voie.", "Regarde : {progress} sur {target}."),
        "nearly": ("Tu en es à {progress} sur {target}, presque au bout.", "Plus qu’un peu : {progress} sur {target}."),
        "reached": ("Tu en es à {progress} sur {target}. Quel plaisir !", "{progress} sur {target} : c’est réussi."),
    },
    closings={
        "warm": ("Prends bien soin de toi.", "Accorde-toi un peu de douceur.", "Tout à ton rythme."),
        "playful": ("Tes chaussettes seraient d’accord. 😊", "Un sourire est le bienvenu.", "Quand tu veux !"),
        "plain": ("C’est tout pour aujourd’hui.", "Comme cela te convient.", "Un peu suffit."),
    },
)

TONGUES: Final[Mapping[str, Tongue]] = {"en": ENGLISH, "de": GERMAN, "es": SPANISH, "fr": FRENCH}
