//! Words that a topic's name may not begin or end with: they say nothing about what a paper is on.

use std::collections::HashSet;
use std::sync::LazyLock;

/// English function words.
const FUNCTION_WORDS: &str = "a about above across after again against all almost alone along already also although always am among \
an and another any anyone anything are around as at away back be became because become becomes been before behind being below \
between beyond both but by can cannot could did do does doing done down due during each either else elsewhere enough etc even \
ever every everything except far few first for former found from further get gets give given gives go goes got had has have \
having he hence her here hers herself him himself his how however i if in indeed instead into is it its itself just keep \
last latter least less let like lot made make makes making many may maybe me meanwhile might mine more moreover most \
mostly much must my myself namely near nearly need needs neither never nevertheless next no nobody none nor not nothing now \
of off often on once one ones only onto or other others otherwise our ours ourselves out over own per perhaps please put \
quite rather re really same say says second see seem seemed seeming seems seen several shall she should since so some somehow \
someone something sometimes somewhere still such take taken takes taking than that the their theirs them themselves then thence \
there thereby therefore therein these they third this those though three through throughout thus to together too toward towards \
two under unless unlike until up upon us use used uses using various very via was way ways we well were what whatever when \
whenever where whereas whereby wherein whether which while who whole whom whose why will with within without would yet you your \
yours zero four five six seven eight nine ten hundred thousand million billion half whose t s d ll ve don doesn isn aren";

/// What papers say about themselves, whatever their subject.
const BOILERPLATE: &str = "abstract abstracts academic accordingly account accuracy achieve achieved achieves achieving acquire \
acquired acquiring act add added adding addition additional address addressed addresses addressing adopt adopted adopting adopts \
advance advanced advancement advances advancing advantage advantages affect affects aid aim aimed aiming aims al algorithm \
algorithms allow allowed allowing allows alternative amount amounts analyse analyses analysis analyze analyzed analyzes analyzing answer \
appear appears applicable application applications applied applies apply applying approach approaches appropriate architecture \
architectures area areas arise arxiv article ask aspect aspects assess assessing assumption assumptions attain attained attempt \
attention author authors available avenue average avoid aware baseline baselines base based bases basic basis begin \
behave benchmark benchmarks beneficial benefit benefits best better big bring brings broad broader build building builds built \
bypass calculate call called candidate capabilities capability capable capture captures capturing care carefully case cases cause \
causes central certain challenge challenges challenging change changes choice choices choose chosen claim clear close closely closer \
code-available collect collected collection combination combinations combine combined combines combining come comes common commonly community \
comparable compare compared compares comparing comparison comparisons competitive complete complex complexity complicated component \
components comprehensive comprise comprises comprising compute concept concepts conclude conclusion conclusions concrete condition conditions \
conduct conducted conducting confirm confirms connection consider considerable considerably considered considering considers consist consisting consists \
constitute construct constructed constructing constructs contain contained containing contains contrary contrast contribute contributes contribution \
contributions conventional core correct correctly correspond corresponding cost costs costly create created creates creating critical crucial \
current currently data dataset datasets date day deal decade decades demand demands demonstrate demonstrated demonstrates \
demonstrating depend dependent depending depends derive derived describe described describes describing design designed designing designs desirable \
desired despite detail detailed details determine determined determines develop developed developing development develops devise devised \
differ difference differences different difficult difficulty direct direction directions directly discover discovered discuss discussed discusses \
discussion distinct diverse document documents downstream downstream-task dramatic drastic easier easily easy effect effective effectively effectiveness \
effects efficacy efficiency efficient efficiently effort efforts eg elaborate eliminate emerge emerged emergence emerging empirical empirically employ \
employed employing employs empower enable enabled enables enabling encourage encourages end end-to-end engage enhance enhanced enhancement \
enhancements enhances enhancing enrich ensure ensures ensuring entire entirely equal equip equipped error errors especially essential \
essentially establish established establishing estimate estimated evaluate evaluated evaluates evaluating evaluation evaluations ever-growing \
evidence evident evolve evolving examine examined examines examining example examples exceed exceeding excel excellent exceptional exhibit exhibited exhibits \
exist existing exists expand expensive experience experiment experimental experimentally experiments expert explain explicit explicitly \
exploit exploited exploiting exploits explore explored explores exploring expose extend extended extending extends extension extensive extensively \
extent extra extract extracted extracting extracts extremely face faced facilitate facilitates facilitating fact factor factors fail fails \
failure fair fall favorable favourable feasibility feasible feature features field fields figure final finally find finding findings finds fine-grained \
fix fixed focus focused focuses focusing follow followed following follows form formal forms formulate formulated foundation framework frameworks \
frequently full fully function functions fundamental future gain gained gains gap gaps general generality generalize generalizes generally generate generated \
generates generating github give goal goals good great greater greatly grow growing growth guarantee guidance guide guided handle handles handling \
hard heavily heavy help helpful helping helps hidden high high-performance high-quality higher highest highlight highlights highly \
hold holds hope html http https hypothesis idea ideas ideal identical identified identifies identify identifying ie illustrate illustrated impact impacts implement \
implementation implementations implemented implementing implication implications implicit imply implies importance important importantly impose impressive improve \
improved improvement improvements improves improving include included includes including incorporate incorporated incorporates incorporating increase increased \
increases increasing increasingly independent indicate indicated indicates indicating individual industry inferior influence inform information informative \
inherent inherently initial innovative input inputs insight insights inspire inspired instance instances integral integrate integrated integrates integrating intend \
interest interesting interestingly interests introduce introduced introduces introducing introduction intuition intuitive investigate investigated investigates \
investigating investigation involve involved involves involving io issue issues issued iterate job joint jointly key kind kinds know known lack \
lacking lacks laborious large large-scale largely larger latest lead leading leads learn learned learner learners learning learns led leverage leveraged leverages leveraging \
level levels limit limitation limitations limited limiting limits line link list literature little long look low lower main mainly maintain maintained maintaining \
maintains major majority manner manual manually match matches maximize mean means measure measured measures measuring mechanism mechanisms meet merely merit \
method methodologies methodology methods metric metrics minimal minimize minor mitigate mitigates mitigating mode model modeling modelling models modern module modules \
motivate motivated motivation multiple named natural naturally nature necessary necessarily necessitate need needed new newly notable notably note noticeable \
notion novel number numbers numerous objective objectives observation observations observe observed observes obtain obtained obtaining obtains occur offer offered \
offering offers old on-par open opens open-source operate operation opportunities opportunity optimal optimize optimized optimizes optimizing option order organize original originally outcome outcomes outline outperform \
outperformed outperforming outperforms output outputs overall overcome overcomes overcoming overview paid paper papers paradigm paradigms parameter parameters part \
partial particular particularly parts past pave paves paving perform performance performances performed performing performs period perspective perspectives pipeline place plausible play plays \
point points poor popular popularity pose posed poses position positive possess possesses possible possibly potential potentially power powerful practical practice practices preceding precise \
precisely preliminary presence present presented presenting presents preserve prevalent prevent previous previously primarily primary principle principles prior \
problem problems procedure procedures process processes processing produce produced produces producing profound progress project prominent promise promising promote promotes proper \
properties property proposal proposals propose proposed proposes proposing prove proved proven proves provide provided provides providing public publicly published purpose \
purposes pursue quality quantity question questions quickly raise raised range ranging rapid rapidly rate rates reach reached reaches reaching ready real real-world realistic realize \
reason reasonable reasons receive received recent recently recognize record reduce reduced reduces reducing reduction refer referred reflect regard regarding regardless relate related relation relations relative \
relatively release released relevant reliable reliance relies rely relying remain remained remaining remains remarkable remarkably remove report reported reports \
represent represented representing represents reproduce require required requirement requirements requires requiring research researcher researchers resolve resource resources respect respective \
respectively rest result resulting results retain return reveal revealed reveals review rich rigorous rise role room run running sample samples satisfactory scale scales scarce scarcity scenario scenarios scheme schemes scope \
section seek seeks select selected selecting seminal separate serious serve served serves serving set sets setting settings setup severe shape share shared sharing short \
shortcoming shortcomings show showcase showcases showcasing showed showing shown shows side significance significant significantly similar similarly simple simpler simplicity simply \
simultaneously single situation situations size sized sizes slight slightly small smaller smooth so-called solely solid solution solutions solve solved solves solving sota sought source space span special \
specific specifically specified speed stage stages standard start starting state state-of-the-art states statistic step steps straightforward strategies strategy strength strengths strong stronger structure \
structures struggle struggles studied studies study studying subject subsequent subsequently substantial substantially subset succeed success successful successfully suffer suffered suffering suffers sufficient \
suggest suggested suggesting suggests suitable suite sum summarize summary superior superiority support supported supporting supports surpass surpassed surpasses surpassing surprising surprisingly survey surveys \
synergy system systematic systematically systems table tackle tackled tackles tackling tailor tailored target targets task tasks team tech technical technique techniques technology technologies \
tend tends term termed terms test tested testing tests text-based thanks theoretical theoretically theory thorough thoroughly tie time time-consuming times today tool tools top \
topic topics total track tradeoff trade-off traditional traditionally train trained training trains transform treat tremendous trend trends true try trying turn type types typical typically ultimate ultimately underlying \
understand understood unexplored unified unify unique uniquely unit universal unknown unlock unprecedented unsatisfactory unseen updated upper usage useful user users usual usually utility utilization utilize \
utilized utilizes utilizing validate validated validates validating validation valuable value values variant variants variation variations varied variety vary varying vast verify \
verified versatile version versions viable view views vital want wealth website weak whereof wide widely wider widespread widely-used work worked workflow working works world worse worst worth write writing www year years yield \
yielded yielding yields com org ours ablation ablations far-reaching cutting-edge well-known data-driven so-far low-cost task-specific domain-specific representation representations label labels deep human humans iterative iteratively developer developers environment environments completion response responses understanding network networks accurate interactive action actions instruction instructions people encoder decoder model-agnostic plug-and-play well-established \
long-standing long-term short-term one-shot-based in-depth hand-crafted non-trivial side-effect two-stage multi-stage three-stage high-level low-level state-of-art";

static STOP_WORDS: LazyLock<HashSet<&'static str>> = LazyLock::new(|| {
    FUNCTION_WORDS
        .split(' ')
        .chain(BOILERPLATE.split(' '))
        .collect()
});

/// Stop words that may end a phrase, because something specific before them makes a subject: "graph learning", "language models".
const HEADS: &[&str] = &[
    "algorithm",
    "algorithms",
    "analysis",
    "architecture",
    "architectures",
    "attention",
    "benchmark",
    "benchmarks",
    "data",
    "dataset",
    "datasets",
    "design",
    "evaluation",
    "features",
    "functions",
    "instructions",
    "labels",
    "learning",
    "mechanism",
    "mechanisms",
    "model",
    "modeling",
    "modelling",
    "models",
    "network",
    "networks",
    "processing",
    "reduction",
    "representation",
    "representations",
    "structure",
    "structures",
    "systems",
    "theory",
    "training",
    "testing",
    "understanding",
    "environments",
    "encoder",
    "decoder",
];

/// Stop words that may begin a phrase of several words: "data augmentation", "learning rate".
const FRONTS: &[&str] = &[
    "action",
    "attention",
    "data",
    "deep",
    "feature",
    "human",
    "instruction",
    "representation",
    "response",
    "state",
];

/// Whether this lower-case word says nothing by itself.
pub(crate) fn is_stop_word(word: &str) -> bool {
    STOP_WORDS.contains(word)
        || is_adverb(word)
        || word.chars().all(char::is_numeric)
        || word.len() == 1
}

/// Whether a phrase of several words may not begin with this lower-case word.
pub(crate) fn cannot_begin(word: &str) -> bool {
    is_stop_word(word) && !FRONTS.contains(&word)
}

/// Whether a phrase of several words may not end with this lower-case word.
pub(crate) fn cannot_end(word: &str) -> bool {
    is_stop_word(word) && !HEADS.contains(&word)
}

/// Whether a phrase of three words may have this one in its middle: "mixture of experts", but not "learning and graphs".
pub(crate) fn can_link(word: &str) -> bool {
    matches!(word, "of" | "to")
}

fn is_adverb(word: &str) -> bool {
    word.len() > 5
        && word.ends_with("ly")
        && ![
            "family",
            "anomaly",
            "assembly",
            "supply",
            "butterfly",
            "monopoly",
        ]
        .contains(&word)
}

/// Whether a lower-case word is an adjective by its ending: no end of a phrase ("self-supervised visual").
pub(crate) fn is_adjective(word: &str) -> bool {
    const NOUNS: &str = "animal animals approval arrival arithmetic capital clinic criminal critic crystal dialectic epidemic fabric \
hospital heuristic integral interval journal logic magic manual material metal metric mosaic music narrative objective pandemic \
perspective plastic polynomial potential primitive proposal rational rehearsal relative removal retrieval rival signal spiral statistic survival \
topic traffic trial tutorial variable table cable withdrawal appraisal renewal referral disposal denial";
    const ENDINGS: [&str; 7] = ["al", "ic", "ive", "ous", "ful", "able", "ible"];
    word.is_ascii()
        && word.len() > 4
        && ENDINGS.iter().any(|e| word.ends_with(e))
        && !NOUNS.split(' ').any(|noun| noun == word)
}

/// Whether a lower-case word is a participle by its ending: "annotated", "unsupervised".
pub(crate) fn is_participle(word: &str) -> bool {
    const NOUNS: [&str; 8] = [
        "seed", "speed", "feed", "need", "breed", "biped", "embed", "testbed",
    ];
    word.len() > 4 && word.ends_with("ed") && !NOUNS.contains(&word)
}

/// Whether a hyphenated word that ends in this part needs a noun after it: "graph-based", "few-shot", "large-scale".
pub(crate) fn needs_noun(part: &str) -> bool {
    const PARTS: [&str; 26] = [
        "agnostic",
        "art",
        "aware",
        "centric",
        "class",
        "core",
        "dimensional",
        "driven",
        "efficient",
        "free",
        "guided",
        "invariant",
        "level",
        "like",
        "order",
        "oriented",
        "quality",
        "rank",
        "scale",
        "set",
        "shot",
        "specific",
        "time",
        "wise",
        "world",
        "based",
    ];
    PARTS.contains(&part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boilerplate_is_refused_and_subjects_are_not() {
        for word in [
            "the",
            "proposed",
            "novel",
            "paper",
            "results",
            "state-of-the-art",
            "experiments",
            "significantly",
            "2024",
            "x",
            "models",
        ] {
            assert!(is_stop_word(word), "{word}");
        }
        for word in [
            "graph",
            "recommendation",
            "self-supervised",
            "anomaly",
            "llm",
            "сегментации",
        ] {
            assert!(!is_stop_word(word), "{word}");
        }
        assert!(!cannot_end("models") && cannot_end("outperforms"));
    }

    #[test]
    fn exceptions_are_stop_words() {
        for word in HEADS.iter().chain(FRONTS) {
            assert!(is_stop_word(word), "{word} is an exception to no rule");
        }
    }
}
