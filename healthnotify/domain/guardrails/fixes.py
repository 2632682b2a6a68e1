"""What somebody who writes a message can do about each rule that it breaks."""

from collections.abc import Mapping
from typing import Final

from healthnotify.domain.guardrails.characters import LONGEST_SUBJECT

#: Code of a guardrail -> what to do about it.
FIXES: Final[Mapping[str, str]] = {
    "empty": "Write something that can be read",
    "over_length": "Keep to what the channel takes: {longest} characters",
    "subject_line": f"Give one line of at most {LONGEST_SUBJECT} characters",
    "character_set": "Leave out control characters and signs that cannot be seen",
    "unknown_placeholder": "Use {{greeting}} and {{name}} only",
    "unresolved_placeholder": "Use {{greeting}} and {{name}} only, and no other braces or brackets",
    "markup": "Write plain text, without HTML, Markdown or JSON",
    "external_link": "Leave out links, addresses and telephone numbers",
    "model_refusal": "Write to the person, not about a language model",
    "obfuscated": "Write words as they are usually written, in Latin letters, without digits inside or signs between",
    "wrong_language": "Write all of it in the user's language",
    "invented_number": "Leave out numbers that are not among the facts",
    "diagnosis": "Say nothing about what this person has or why they feel as they do",
    "dosage": "Say nothing about how or how much of a medicine or supplement to take",
    "stop_medication": "Leave medicines to the person and their doctor; asking to bring a list is fine",
    "cure_claim": "Promise nothing that a habit would do for health",
    "emergency": "Say that pain and warning signs are a reason to stop and get help, or leave them out",
    "self_harm": "Say nothing that makes light of dying or of not being there",
    "eating_disorder": "Suggest something good to eat; say nothing of fasting, making up for food or calories",
    "body_shaming": "Say nothing about the body, its shape or its weight",
    "guilt_or_shame": "Be kind about what was not done",
    "fear": "Leave out what might happen otherwise",
    "manipulative_urgency": "Leave the person all the time there is, and nothing to lose",
    "extreme_exercise": "Suggest an everyday measure, and rest",
    "substance": "Leave out alcohol, drugs and tobacco",
    "sensitive_inference": "Say nothing about what this person is, believes, owns or feels",
    "contact": "Leave out ways to reach anybody, and asking for an answer",
    "asks_personal_data": "Ask for nothing that would have to be sent or entered",
    "prompt_leak": "Write to the person, not about prompts or models",
    "injection_obeyed": "Write to the person about the goal, and nothing else",
    "profanity": "Leave out swearing and insults",
    "commercial": "Leave out brands, offers and prices",
    "political_religious": "Leave out politics and religion",
    "impersonation": "Do not speak as a doctor, nurse or friend of this person",
    "third_party": "Say nothing about other persons",
    "discouragement": "Encourage, or leave it out",
    "unsafe_wording": "Say it in plainer words: what stands there is too near to what must not be said",
}
