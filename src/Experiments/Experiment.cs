using OnnxMoe.Trainer.Data;

namespace OnnxMoe.Experiments;

/// <summary>
/// Repeats the central result of a published system at a size that two cores train in minutes. A verdict is a finding, not a test:
/// none of them fails a build.
/// </summary>
public abstract class Experiment
{
    /// <summary>The <see cref="Source"/> of an experiment that needs no data.</summary>
    public const string NoData = "";

    /// <summary>Number and name in small letters, as the verb and the results page have it: 20-deepseekmoe.</summary>
    public abstract string Name { get; }

    /// <summary>The system's name as its paper writes it.</summary>
    public abstract string System { get; }

    /// <summary>arXiv number of the paper: 2401.06066.</summary>
    public abstract string Paper { get; }

    /// <summary>Authors, year and title of the paper.</summary>
    public abstract string Citation { get; }

    /// <summary>What the system is, in one sentence, for the table of systems.</summary>
    public abstract string WhatItIs { get; }

    /// <summary>What the paper claims and the experiment tests, in one sentence.</summary>
    public abstract string Claim { get; }

    /// <summary>The recipe that trains the system; empty when there is none yet.</summary>
    public virtual string Recipe => "";

    /// <summary>The data where the user names none, as in Data:Source.</summary>
    public virtual string Source => DataOptions.StateOfTheUnion;

    /// <summary>Whether the numbers are computed from a model of costs: no data is read, and a seed draws the model's assumptions.</summary>
    public virtual bool IsSimulated => false;

    /// <summary>To be raised when the arms measure something else than before, so that stored runs are not taken for new ones.</summary>
    public virtual int Version => 1;

    /// <summary>The system's number: the part of <see cref="Name"/> before the dash.</summary>
    public string Number => Name.Split('-')[0];

    /// <summary>The part of <see cref="Name"/> behind the number.</summary>
    public string ShortName => Name[(Number.Length + 1)..];

    /// <summary>Runs the arms, or takes stored runs of them, and judges the claims.</summary>
    public abstract ExperimentResult Run(ExperimentContext context);
}
