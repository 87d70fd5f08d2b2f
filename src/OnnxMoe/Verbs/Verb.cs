using OnnxMoe.Cli.Settings;

namespace OnnxMoe.Cli.Verbs;

/// <summary>One thing that the command does: a stage, or a list to print.</summary>
public abstract class Verb
{
    /// <summary>The key under which <see cref="ArgumentKey"/> and the alias table name the recipe, which is no setting.</summary>
    public const string RecipeKey = "recipe";

    /// <summary>For verbs on a model that is there: <c>--model</c> names it.</summary>
    protected static readonly IReadOnlyDictionary<string, string> NamedModel = new Dictionary<string, string> { ["model"] = nameof(Recipe.Name) };

    public abstract string Name { get; }

    /// <summary>What the verb does, in one line.</summary>
    public abstract string Summary { get; }

    /// <summary>How it is called, without the command's name: "train RECIPE".</summary>
    public virtual string Usage => Name;

    /// <summary>The key that an argument without dashes sets, or several where that setting is a list; empty when there is none.</summary>
    public virtual string ArgumentKey => "";

    /// <summary>The section whose settings need no prefix on this verb's command line; empty when there is none.</summary>
    public virtual string OwnSection => "";

    /// <summary>The sections that this verb reads, besides the root.</summary>
    public virtual IReadOnlyList<string> Sections => OwnSection.Length == 0 ? [] : [OwnSection];

    /// <summary>Further short names on this verb's command line, and the keys they stand for.</summary>
    public virtual IReadOnlyDictionary<string, string> Aliases => new Dictionary<string, string>();

    /// <summary>Command lines to start from.</summary>
    public virtual IReadOnlyList<string> Examples => [];

    public abstract Task RunAsync(VerbContext context);
}
