namespace OnnxMoe.Placement.Programs;

/// <summary>Assignment problems: n rows to n columns, one to one.</summary>
static class Matching
{
    /// <summary>Column of each row when every row finds an allowed one; null when not all can (augmenting paths).</summary>
    public static int[]? Perfect(int n, Func<int, int, bool> allowed)
    {
        var (rowOf, seen) = (Enumerable.Repeat(-1, n).ToArray(), new int[n]);
        for (var row = 0; row < n; row++)
        {
            if (!Augment(row, row + 1))
                return null;
        }
        var columnOf = new int[n];
        for (var column = 0; column < n; column++)
            columnOf[rowOf[column]] = column;
        return columnOf;

        bool Augment(int row, int mark)
        {
            for (var column = 0; column < n; column++)
            {
                if (seen[column] == mark || !allowed(row, column))
                    continue;
                seen[column] = mark;
                if (rowOf[column] >= 0 && !Augment(rowOf[column], mark))
                    continue;
                rowOf[column] = row;
                return true;
            }
            return false;
        }
    }

    /// <summary>Column of each row at the smallest sum of costs (Kuhn 1955, in the O(n^3) form with potentials). Costs may be negative.</summary>
    public static int[] Cheapest(double[,] cost)
    {
        var n = cost.GetLength(0);
        var (rowPrice, columnPrice, rowOf) = (new double[n + 1], new double[n + 1], new int[n + 1]);
        for (var row = 1; row <= n; row++)
        {
            rowOf[0] = row;
            var (least, before, visited) = (Enumerable.Repeat(double.PositiveInfinity, n + 1).ToArray(), new int[n + 1], new bool[n + 1]);
            var column = 0;
            do
            {
                visited[column] = true;
                var (current, next, step) = (rowOf[column], 0, double.PositiveInfinity);
                for (var j = 1; j <= n; j++)
                {
                    if (visited[j])
                        continue;
                    var reduced = cost[current - 1, j - 1] - rowPrice[current] - columnPrice[j];
                    if (reduced < least[j])
                        (least[j], before[j]) = (reduced, column);
                    if (least[j] < step)
                        (step, next) = (least[j], j);
                }
                for (var j = 0; j <= n; j++)
                {
                    if (visited[j])
                        (rowPrice[rowOf[j]], columnPrice[j]) = (rowPrice[rowOf[j]] + step, columnPrice[j] - step);
                    else
                        least[j] -= step;
                }
                column = next;
            }
            while (rowOf[column] != 0);
            for (; column != 0; column = before[column])
                rowOf[column] = rowOf[before[column]];
        }
        var columnOf = new int[n];
        for (var j = 1; j <= n; j++)
            columnOf[rowOf[j] - 1] = j - 1;
        return columnOf;
    }
}
