"""Colour and space, once: the tokens that charts, marks and pages read, for the light and the dark theme.

Okabe-Ito colours, safe for colour-blind eyes; each always stands beside a symbol or a word. Colour is for shapes only:
words are written in the text colour, so that their contrast never depends on a verdict.
"""

from dataclasses import dataclass

from nero_core.types import Verdict

ID = "#0072B2"
OOD = "#D55E00"
BORDERLINE = "#E69F00"
#: further ID classes in the channel plot, in the order they are chosen
CLASSES = ("#009E73", "#CC79A7", "#56B4E9", "#B79F00")

VERDICT_COLOUR: dict[Verdict, str] = {"like": ID, "borderline": BORDERLINE, "unlike": OOD}


@dataclass(frozen=True, slots=True)
class Theme:
    """What differs between light and dark. The page's own colours stand in ``.streamlit/config.toml``."""

    text: str
    soft: str
    background: str
    centroid: str
    rule: str


LIGHT = Theme(text="#1A1C20", soft="#4B525B", background="#FFFFFF", centroid="#8A8F98", rule="#D9DCE1")
DARK = Theme(text="#ECEEF2", soft="#BFC5CD", background="#14171C", centroid="#8A8F98", rule="#3A3F48")


def theme_of(kind: str | None) -> Theme:
    """The theme for what the browser reports: ``dark``, ``light`` or nothing yet."""
    return DARK if kind == "dark" else LIGHT


#: Everything that Streamlit's own settings cannot say. Sizes are in rem, so that the large-type switch reaches them.
STYLE = f"""<style>
.stMainBlockContainer {{ max-width: 84rem; padding: 3.75rem 3rem 4rem; }}
.stMainBlockContainer h1 {{ font-size: 1.9rem; padding: 0 0 0.5rem; }}
.stMainBlockContainer h3 {{ font-size: 1.2rem; padding: 0.25rem 0; }}
.stMainBlockContainer .st-key-title h3 {{ padding-top: 0.6rem; }}
:root {{ --nero-id: {ID}; --nero-ood: {OOD}; --nero-borderline: {BORDERLINE}; --nero-grey: {LIGHT.centroid};
  --nero-rule: color-mix(in srgb, currentColor 16%, transparent); }}
button:focus-visible, a:focus-visible, input:not([role="combobox"]):focus-visible, summary:focus-visible,
[role="slider"]:focus-visible,
[role="radio"]:focus-visible {{ outline: 3px solid currentColor; outline-offset: 2px; }}
/* the box around it, since a select's own input is clipped */
[role="group"]:has(> input[role="combobox"]:focus-visible) {{ outline: 3px solid currentColor; outline-offset: 2px; }}
[data-testid="stPageLink-NavLink"]:focus-visible {{ outline: 3px solid currentColor !important; outline-offset: -3px; }}
button[kind="primary"]:focus-visible, button[data-testid="stBaseButton-primary"]:focus-visible {{
  outline-color: CanvasText; }} /* its words lie on a ground of their own, the ring does not */
/* Streamlit writes the words of a quiet button under the pointer in the accent, which the dark ground swallows */
.stPopover button:is(:hover, :active, :focus), .stDownloadButton button[kind="tertiary"]:is(:hover, :active, :focus) {{
  color: inherit !important; }}
.stPlotlyChart, [data-testid="stHtml"] {{ max-width: 100%; }}
/* what charts draw in the text colour follows the theme at once, before the page has run again */
.stPlotlyChart .main-svg text:not(.heatmap-label *) {{ fill: currentColor !important; fill-opacity: 0.85; }}
.st-key-channel_plot .barlayer .trace:first-child path,
.st-key-channel_plot .legend .traces:first-child .legendbar path {{ fill: currentColor !important; }}
/* this image is the last trace; those before it are dots of classes */
.st-key-histogram .scatterlayer .trace:last-child path {{
  stroke: currentColor !important; fill: currentColor !important; }}
.st-key-histogram .scatterlayer .trace:last-child path.js-line {{ fill: none !important; }}

.st-key-samples p {{ line-height: 1.2; }}
.st-key-samples button {{ padding: 0.25rem; border-radius: 0.6rem; }}
.st-key-samples button img {{ width: 3.4rem; height: 3.4rem; max-height: none; object-fit: cover;
  border-radius: 0.4rem; display: block; }}
[data-testid="stCaptionContainer"] {{ color: inherit; opacity: 0.8; }}
.nero-group {{ font-size: 0.8rem; opacity: 0.78; }}
.st-key-samples_ood {{ border-left: 1px solid var(--nero-rule); padding-left: 1rem; }}

[role="radiogroup"] [aria-checked="true"], [role="radiogroup"] [aria-checked="true"] *,
[data-testid="stSliderThumbValue"] {{ color: inherit !important; }}

.nero-picture {{ margin: 0; text-align: center; }}
.nero-picture img {{ max-width: 100%; max-height: 34rem; width: auto; height: auto; border-radius: 0.4rem; }}
.nero-picture img.pixelated {{ image-rendering: pixelated; }}
.nero-picture img.wide {{ width: 100%; object-fit: contain; }}
.nero-legend {{ display: grid; grid-template-columns: auto 1fr auto; gap: 0.1rem 0.6rem; align-items: center;
  font-size: 0.82rem; font-variant-numeric: tabular-nums; }}
.nero-legend img {{ width: 100%; height: 0.7rem; border-radius: 0.2rem; }}
.nero-legend .unit {{ grid-column: 1 / -1; opacity: 0.8; }}

.nero-verdict {{ display: grid; grid-template-columns: auto 1fr; gap: 0 0.7rem; align-items: baseline; }}
/* an edge in the light theme's text colour: orange alone has 2.2:1 on white; on the dark ground it is not seen */
.nero-verdict .symbol {{ font-size: 1.7rem; line-height: 1; -webkit-text-stroke: 0.06rem {LIGHT.text}; }}
.nero-verdict h2 {{ font-size: 1.45rem; line-height: 1.25; font-weight: 600; margin: 0; padding: 0; }}
.nero-verdict p {{ grid-column: 2; margin: 0.15rem 0 0; }}
.nero-quiet {{ opacity: 0.78; font-size: 0.9rem; }}
.nero-facts {{ display: grid; grid-template-columns: fit-content(60%) 1fr; gap: 0.35rem 1rem; margin: 0;
  padding: 0 !important;
  font-size: 0.95rem; }}
.nero-facts dt {{ opacity: 0.78; font-weight: 400; overflow-wrap: anywhere; }}
.nero-facts dd {{ margin: 0; overflow-wrap: anywhere; }}
.nero-facts .dimmed {{ opacity: 0.72; }}

.nero-scale {{ position: relative; height: 3.6rem; margin: 0.6rem 0 0.2rem; font-size: 0.82rem;
  font-variant-numeric: tabular-nums; }}
.nero-scale .track {{ position: absolute; left: 0; right: 0; top: 1.55rem; height: 0.5rem; border-radius: 0.25rem;
  overflow: hidden; background: var(--nero-ood); }}
.nero-scale .track i {{ position: absolute; left: 0; top: 0; bottom: 0; background: var(--nero-id); }}
.nero-scale .threshold {{ position: absolute; top: 1.2rem; height: 1.2rem; border-left: 2px solid currentColor; }}
.nero-scale .here {{ position: absolute; top: 1.35rem; width: 0.9rem; height: 0.9rem; margin-left: -0.45rem;
  border-radius: 50%; background: currentColor; box-shadow: 0 0 0 2px Canvas; }}
.nero-scale span {{ position: absolute; white-space: nowrap; }}
.nero-scale .above {{ top: 0; }} .nero-scale .below {{ top: 2.35rem; }}

.nero-terms {{ display: grid; grid-template-columns: max-content 1fr max-content; gap: 0.3rem 0.8rem;
  align-items: center; font-size: 0.9rem; font-variant-numeric: tabular-nums; }}
.nero-bar {{ position: relative; height: 0.55rem; }}
.nero-bar i {{ position: absolute; top: 0; bottom: 0; min-width: 2px; border-radius: 0.15rem;
  background: currentColor; }}
.nero-bar i.grey {{ background: var(--nero-grey); }}
.nero-bar::before {{ content: ""; position: absolute; left: var(--zero, 0); top: -0.15rem; bottom: -0.15rem;
  border-left: 1px solid var(--nero-rule); }}
.nero-terms .sum {{ grid-column: 1 / -1; }}

.nero-concepts.single {{ grid-template-columns: 1fr; }}
.nero-concepts.single .nero-concept {{ display: grid; grid-template-columns: minmax(7.5rem, 13rem) 1fr; gap: 0 1rem;
  align-content: start; }}
.nero-concepts.single .nero-concept > img {{ grid-row: 2 / 5; }}
.nero-concepts.single .nero-references {{ grid-template-columns: repeat(auto-fill, minmax(4.2rem, 5.4rem)); }}
.nero-concepts.single h4 {{ grid-column: 1 / -1; }}
.nero-concepts {{ display: grid; gap: 1rem; grid-template-columns: repeat(auto-fill, minmax(15.5rem, 1fr)); }}
.nero-concept {{ border: 1px solid var(--nero-rule); border-radius: 0.6rem; padding: 0.8rem; min-width: 0; }}
.nero-concept h4 {{ font-size: 1rem; font-weight: 600; margin: 0 0 0.5rem; padding: 0; }}
.nero-concept > img {{ display: block; width: 100%; height: auto; aspect-ratio: 1; object-fit: contain;
  border-radius: 0.4rem; }}
.nero-below {{ margin-top: 1rem; max-width: 28rem; }}
.nero-pair {{ display: grid; grid-template-columns: max-content 1fr max-content; gap: 0.15rem 0.6rem;
  align-items: center; margin: 0.6rem 0; font-size: 0.82rem; font-variant-numeric: tabular-nums; }}
.nero-references {{ display: grid; grid-template-columns: repeat(4, 1fr); gap: 0.35rem; }}
.nero-references figure {{ margin: 0; min-width: 0; }}
.nero-references img {{ display: block; width: 100%; aspect-ratio: 1; object-fit: contain; border-radius: 0.3rem; }}
.nero-missing {{ display: grid; place-items: center; aspect-ratio: 1; font-size: 0.72rem; text-align: center;
  border: 1px dashed var(--nero-rule); border-radius: 0.3rem; opacity: 0.78; }}
.nero-lacking {{ display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 24rem), 1fr)); gap: 0 2rem; }}
.nero-lacking section {{ display: grid; grid-template-columns: 8.5rem 1fr; gap: 0 0.8rem; align-items: center;
  padding: 0.4rem 0; border-top: 1px solid var(--nero-rule); font-size: 0.85rem; }}
.nero-lacking section > p {{ margin: 0; font-size: inherit; overflow-wrap: anywhere; }}
.nero-references figcaption {{ font-size: 0.72rem; line-height: 1.2; overflow-wrap: anywhere; opacity: 0.8; }}
.nero-concept .caption {{ font-size: 0.8rem; opacity: 0.8; margin: 0 0 0.3rem; }}

/* page "Neuron explorer" */
.nero-references.nero-strip {{ grid-template-columns: repeat(auto-fill, minmax(5.2rem, 6.5rem)); gap: 0.6rem; }}
.nero-references.nero-strip.wide {{ grid-template-columns: repeat(auto-fill, minmax(7.5rem, 1fr)); max-width: 60rem; }}
.nero-references.nero-strip img {{ height: auto; }}
.nero-references.nero-strip img + img {{ margin-top: 0.25rem; }}
.nero-depth {{ display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: 0.8rem;
  max-width: 46rem; }}
.nero-depth figure {{ margin: 0; min-width: 0; }}
.nero-depth img {{ display: block; width: 100%; height: auto; max-height: 24rem; object-fit: contain;
  border-radius: 0.4rem; }}
.nero-depth figcaption {{ font-size: 0.82rem; opacity: 0.8; margin-top: 0.2rem; }}
.nero-mini {{ width: 4rem; }}
.nero-mini img {{ display: block; width: 100%; height: auto; border-radius: 0.4rem; }}

.nero-methods {{ width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 0.95rem; }}
.nero-methods th, .nero-methods td {{ text-align: left; padding: 0.3rem 0.7rem 0.3rem 0; font-weight: 400;
  border-bottom: 1px solid var(--nero-rule); vertical-align: baseline; }}
.nero-methods thead th {{ opacity: 0.78; font-size: 0.85rem; }}
.nero-methods tbody th small {{ display: block; opacity: 0.78; font-size: 0.78rem; line-height: 1.2; }}
.nero-methods .ours th, .nero-methods .ours td {{ font-weight: 700; }}
.nero-methods .said {{ white-space: nowrap; }}
.nero-methods .symbol {{ -webkit-text-stroke: 0.03rem {LIGHT.text}; }}
.nero-methods .p {{ white-space: nowrap; }}
.nero-p {{ display: inline-block; width: 5rem; height: 0.5rem; margin-right: 0.6rem; border-radius: 0.25rem;
  background: var(--nero-rule); }}
.nero-p i {{ display: block; height: 100%; min-width: 2px; border-radius: 0.25rem; background: currentColor; }}

.st-key-alive, .st-key-steps {{ display: none; }}
.nero-restarted {{ position: fixed; inset: auto 1rem 1rem; z-index: 1000000; padding: 0.9rem 1.1rem;
  border: 1px solid {LIGHT.background}; border-radius: 0.6rem; background: {LIGHT.text}; color: {LIGHT.background}; }}
.nero-restarted button {{ font: inherit; font-weight: 600; margin-left: 0.4rem; padding: 0.2rem 0.8rem; cursor: pointer;
  color: {LIGHT.text}; background: {LIGHT.background}; border: 0; border-radius: 0.4rem; }}

/* Learn: everything of a step on one screen of a projector */
.stMainBlockContainer:has(.st-key-learn_head) > .stVerticalBlock {{ gap: 0.6rem; }}
.st-key-learn_head h1 {{ padding: 0; }}
.st-key-learn_head, .st-key-lesson_way {{ gap: 0.5rem 0.75rem; }}
.st-key-lesson_bar [role="radiogroup"] button {{ padding-left: 0.6rem; padding-right: 0.6rem; }}
.st-key-lesson {{ gap: 0.5rem; padding-top: 0.6rem; }}
.st-key-lesson_says {{ flex-wrap: nowrap; }}
.st-key-lesson_says .stHeading {{ margin-bottom: 0.3rem; }}
.st-key-lesson .stSlider {{ margin-bottom: -0.7rem; }} /* below the track there is room for a scale that it lacks */
.st-key-lesson .nero-scale {{ margin: 0 0 -0.4rem; }}
.st-key-lesson .nero-verdict p {{ font-size: 1rem; margin: 0; }}
.nero-lesson-picture img {{ height: clamp(6.5rem, 16vh, 12rem); width: auto; max-width: 12rem; object-fit: contain; }}
.st-key-lesson .stColumn > .stVerticalBlock {{ gap: 0.4rem; }}
.nero-perturbed img {{ width: 100%; height: 240px; object-fit: contain; object-position: top; border-radius: 0; }}
.st-key-perturb_pictures, .st-key-perturb_sliders {{ gap: 0.5rem; padding-top: 0.7rem; padding-bottom: 0.7rem; }}
.st-key-perturb_pictures .nero-facts {{ gap: 0 1rem; }}
.st-key-perturb_pictures .nero-scale {{ margin-top: 0.2rem; }}
.st-key-perturb_pair {{ flex-wrap: nowrap; }}
.st-key-perturb_pair > * {{ flex: 1 1 0; min-width: 0; }}
.st-key-perturb_groups {{ display: grid; gap: 1rem 1.5rem;
  grid-template-columns: repeat(auto-fit, minmax(13rem, 1fr)); }}
:is(.st-key-fill, .st-key-step) [role="radiogroup"] {{ flex-wrap: wrap; }}
.st-key-perturbed_channels .xtick text {{ font-size: 0.72rem !important; }}
.nero-line {{ margin: 0; padding: 0.4rem 0; }}
.nero-line span {{ -webkit-text-stroke: 0.03rem {LIGHT.text}; }}
[data-testid="stLayoutWrapper"]:has(> .st-key-perturb_line) {{ display: none; }}
@media (min-width: 40.01rem) {{
  .stColumn:has(.st-key-perturb_pictures) {{ position: sticky; top: 3.75rem; align-self: flex-start; }}
  /* beside Streamlit's menu, not below it; where the side bar is closed, the logo stands there */
  .stApp:has(.st-key-learn_head):not(:has([data-testid="stExpandSidebarButton"])) {{
    .stMainBlockContainer {{ padding-top: 0.5rem; }}
    .stColumn:has(.st-key-perturb_pictures) {{ top: 0.5rem; }}
    .stAppHeader, .stAppToolbar {{ background: none; pointer-events: none; }}
    .stAppHeader :is(button, a) {{ pointer-events: auto; }}
  }}
}}
.nero-quiz-picture img {{ max-height: 26rem; }}
.nero-quiz-answer {{ font-size: 1.2rem; margin: 0 0 0.4rem; }}
.st-key-lesson p, .st-key-lesson .katex {{ font-size: 1.12rem; }}
.st-key-lesson p {{ line-height: 1.4; }}
.st-key-lesson :is([data-testid="stCaptionContainer"], [data-testid="stPopover"]) p {{ font-size: 0.9rem; }}
/* a formula breaks where it has an equals or a plus sign, rather than run out of a narrow page */
.st-key-lesson .katex-display > .katex {{ white-space: normal; }}
.st-key-lesson .katex-display {{ margin: 0; overflow-x: auto; overflow-y: hidden; padding: 0 0 0.5rem; }}
.st-key-lesson .katex-display .base {{ margin: 0.15em 0; }}
.st-key-quiz_buttons button {{ min-width: 10rem; min-height: 3rem; }}

@media (max-width: 40rem) {{
  .nero-methods .wide {{ display: none; }} .nero-p {{ width: 2.5rem; }}
  .nero-lesson-picture img {{ height: 4.5rem; }}
  [data-testid="stLayoutWrapper"]:has(> .st-key-perturb_line) {{
    display: block; position: sticky; top: 3.75rem; z-index: 10;
    background: light-dark({LIGHT.background}, {DARK.background}); border-bottom: 1px solid var(--nero-rule); }}
  .stMainBlockContainer {{ padding-left: 1rem; padding-right: 1rem; }}
  .nero-concept, .nero-concepts.single .nero-concept {{ display: grid; grid-template-columns: 7.5rem 1fr;
    gap: 0 0.8rem; align-items: center; }}
  .nero-concept h4, .nero-concept .caption, .nero-references {{ grid-column: 1 / -1; }}
  .nero-concept .caption {{ margin-top: 0.4rem; }}
  .nero-concepts.single .nero-concept > img {{ grid-row: auto; }}
  .nero-lacking section {{ grid-template-columns: 1fr; gap: 0.3rem; }}
  .nero-facts {{ grid-template-columns: 1fr; gap: 0.1rem; }} .nero-facts dd {{ margin-bottom: 0.4rem; }}
}}
@media (prefers-reduced-motion: reduce) {{
  * {{ animation-duration: 0.01ms !important; transition: none !important; }} }}
</style>"""

#: the browser tab's picture: ID points and the one that lies apart
ICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="64" height="64" viewBox="0 0 32 32">'
    f'<g fill="{ID}"><circle cx="6" cy="15" r="4"/><circle cx="14" cy="9" r="4"/><circle cx="15" cy="20" r="4"/>'
    f'<circle cx="7" cy="26" r="4"/></g><path d="M26 2l5 5-5 5-5-5z" fill="{OOD}"/></svg>'
)

#: the lecture hall's switch
LARGE_TYPE = "<style>html { font-size: 125%; }</style>"
